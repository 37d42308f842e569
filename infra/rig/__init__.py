"""How the demo's task set was made: `python -m infra.rig.compose_tasks` makes it again."""
