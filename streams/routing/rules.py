"""The obvious cases: task text → tier, confidence and the rule that says so, asked in order.

A rule is a row. It is asked only where one of its `cues` (whole words, lower case) is in the text
and none of its `unless`, and then `pattern` must be found. That keeps it at a few µs a prompt,
since most rules end at a set of words. What an obvious case is really worth, learned quality says
later; a rule that is not sure leaves the prompt to the default.
"""

import re
from dataclasses import dataclass, field

FEW_LINES = 50
SOME_LINES = 200
HEAD_CHARS = 800
TAIL_CHARS = 400
"""Of a long prompt the rules read its two ends: there the request stands, the payload between."""
SHORT_CHARS = 200

DEFAULT_TIER = 3
DEFAULT_CONFIDENCE = 0.7
"""Not below the limit under which a decision is bumped: unknown is no reason to pay more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules propose: a tier in 1 to 4, how sure they are in [0, 1], and which rule."""

    tier: int
    confidence: float
    rule: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: `pattern` is searched in the ends of the prompt, in lower case."""

    name: str
    tier: int
    confidence: float
    cues: frozenset[str]
    pattern: re.Pattern[str]
    unless: frozenset[str]
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", Verdict(self.tier, self.confidence, self.name))


@dataclass(frozen=True, slots=True)
class LineRule:
    """A row on lines of code: for prompts that hold code, at most `lines` of it."""

    lines: int
    verdict: Verdict


def _rule(
    name: str, tier: int, confidence: float, cues: str, pattern: str, unless: str = ""
) -> Rule:
    compiled = re.compile(pattern)
    return Rule(
        name, tier, confidence, frozenset(cues.split()), compiled, frozenset(unless.split())
    )


_BEGIN = (
    r"(?:\A|[.!?:;`\n]\s*|\bplease |\b(?:can|could|would|will) you (?:please )?|\bthen |\band )"
)
_THE = r"(?:the |this |these |that |my |our |all |all the |following |below |given )*"
_CODE = (
    r"(?:code|function|functions|method|methods|class|classes|module|script|snippet|file|program"
    r"|python|javascript|typescript|java|json|sql|yaml|xml|html|css|query|block|imports?)"
)
_MAKE = (
    r"(?:write|implement|create|complete|define|develop|build|code|give me|generate|make|finish)"
)
_BIG = (
    "architecture architect microservice microservices scalable distributed integration design"
    " redesign poem story essay novel song migrate"
)

RULES = (
    _rule(
        "formatting", 1, 0.9,
        "format reformat re-format prettify beautify indent indentation pretty pretty-print minify"
        " formatting lint whitespace",
        rf"{_BEGIN}(?:(?:re-?)?format {_THE}(?:\w+ )?{_CODE}\b"
        rf"|(?:prettify|beautify|pretty[- ]print|minify|(?:re-?)?indent|lint) {_THE}\w"
        r"|(?:fix|correct|clean up|tidy up) (?:the |all )*(?:code )?(?:formatting|indentation|whitespace))",
        _BIG,
    ),
    _rule(
        "simple_refactoring", 1, 0.85,
        "rename extract inline imports import unused variable variables magic dead",
        rf"{_BEGIN}(?:rename {_THE}(?:local |private )?(?:variables?|functions?|methods?|class(?:es)?"
        r"|parameters?|arguments?|fields?|constants?|attributes?|modules?|symbols?|identifiers?"
        r"|[`'\"][\w.]+[`'\"] to|\w+_\w+|\w+\(\))"
        rf"|extract (?:an? |{_THE})?(?:\w+ )?(?:variable|constant|method|function|helper)\b"
        rf"|inline {_THE}(?:\w+ )?(?:variable|function|method|constant)\b"
        r"|(?:remove|delete|clean up|tidy(?: up)?|sort|organi[sz]e|order) (?:the |all |any |my |unused )*"
        r"(?:imports\b|(?:unused|dead) (?:imports?|variables?|code)|import statements)"
        r"|replace (?:the |all |these )*magic (?:numbers|values|constants))",
        _BIG,
    ),
    _rule(
        "comments", 1, 0.85,
        "comment comments docstring docstrings javadoc jsdoc document annotate",
        rf"(?:\b(?:add|write|insert|generate|put|improve|update|fix|provide) (?:\w+ ){{0,4}}"
        r"(?:docstrings?|javadocs?|jsdoc|(?:inline |code |explanatory |helpful )?comments? "
        rf"(?:to|for|in|into|on|above|explaining) {_THE}(?:each |every |\w+ )?{_CODE}\b)"
        rf"|{_BEGIN}(?:comment|document|annotate) {_THE}(?:\w+ )?{_CODE}\b)",
        _BIG,
    ),
    _rule(
        "single_function", 2, 0.8,
        "function method def",
        rf"\b{_MAKE} (?:me )?(?:an? |one |the |this |single )?"
        r"(?:(?!tests?\b|for\b|of\b|about\b)[\w+#-]+ ){0,4}(?:function|method)\b"
        r"(?! of\b)|(?:\A|\n)(?:async )?def \w+\([^\n]*\n\s+(?:\"\"\"|''')",
        _BIG + " functions methods classes classify",
    ),
    _rule(
        "simple_test", 2, 0.8,
        "test tests",
        r"\b(?:write|add|create|generate|give me) (?:me )?(?:an? |one |some |the |simple |basic |small "
        r"|quick |single |unit |pytest |jest |junit |unittest |python |java )*tests?\b"
        r"(?! (?:plan|strategy|suite|questions?|for (?:my|the) (?:students|class)))",
        _BIG + " exam students quiz e2e end-to-end",
    ),
    _rule(
        "several_functions", 3, 0.75,
        "functions methods classes endpoints modules class",
        r"\b(?:several|multiple|many|two|three|four|five|six|[2-9]|a few|some|these|the following"
        r"|(?:a )?(?:set|couple|collection|number) of) (?:[\w-]+ ){0,2}"
        r"(?:functions|methods|classes|endpoints|modules)\b"
        rf"|\b{_MAKE} (?:me )?(?:an? |the |some )?(?:[\w+#-]+ ){{0,3}}(?:class\b(?! (?:on|about))"
        r"|functions|methods|classes|endpoints|modules)\b",
        "architecture architect microservice microservices lesson students trigonometric",
    ),
    _rule(
        "integration", 3, 0.75,
        "integrate integrates integrating integration connect webhook webhooks e2e end-to-end",
        r"\bintegration tests?\b|\b(?:e2e|end-to-end) tests?\b"
        r"|\bintegrat(?:e|es|ing|ion) (?:[\w.+-]+ ){0,5}(?:with|into|between) (?:[\w.+-]+ ){0,4}"
        r"(?:apis?|services?|sdk|systems?|databases?|apps?|application|backend|frontend|gateway|stripe"
        r"|slack|github|kafka|crm|oauth|website)\b"
        r"|\bconnect (?:[\w.+-]+ ){0,4}(?:to|with) (?:[\w.+-]+ ){0,3}"
        r"(?:apis?|databases?|queue|service|backend|server|broker)\b|\bwebhooks? (?:handler|endpoint|for)\b",
        "architecture architect microservice microservices redesign",
    ),
    _rule(
        "architecture", 4, 0.85,
        "architecture architectures microservice microservices scalable distributed design redesign architect",
        r"\b(?:re)?(?:design|propose|plan|architect|outline|sketch|describe|recommend|review|evaluate"
        r"|create|develop) (?:[\w-]+ ){0,6}(?:architectures?|systems?|platform|pipeline|infrastructure"
        r"|microservices?|backend|database)\b"
        r"|\b(?:software|system|systems|application|cloud|serverless|event-driven|backend|data|target"
        r"|reference|microservices?|hexagonal) architecture\b"
        r"|\bsystem design\b|\b(?:into|to|using|of|between) microservices\b",
        "gothic building buildings cathedral byzantine baroque cpu",
    ),
    _rule(
        "api_design", 4, 0.85,
        "design designing specify specification redesign openapi",
        r"\b(?:re)?(?:design|designing|specify) (?:[\w/-]+ ){0,6}"
        r"(?:apis?|sdk|schema|protocol|interface|endpoints|contract|domain model)\b"
        r"|\bapi design\b|\b(?:rest|graphql|grpc|api) (?:design|specification)\b|\bopenapi spec",
        "interior",
    ),
    _rule(
        "creativity", 4, 0.8,
        "poem poems story stories song lyrics haiku sonnet limerick novel screenplay essay brainstorm"
        " slogan slogans tagline creative tale monologue rap dialogue ballad ode",
        r"\b(?:write|compose|create|tell|invent|draft|make up|generate|craft|continue|pen) (?:me |us )?"
        r"(?:[\w'-]+,? ){0,5}(?:poems?|story|stories|songs?|lyrics|haikus?|sonnets?|limericks?|novels?"
        r"|screenplay|essays?|slogans?|taglines?|tale|monologue|rap|dialogue|ballad|ode)\b"
        r"(?! (?:map|points|number))"
        r"|\bbrainstorm\b|\b(?:be|something|get) creative\b|\bcreative (?:writing|ideas|names|ways)\b",
        "user-story jira",
    ),
)  # fmt: skip
"""The design's cases, in its order; those on lines of code follow."""

LINE_RULES = (
    LineRule(FEW_LINES, Verdict(2, 0.75, "under_50_lines")),
    LineRule(SOME_LINES, Verdict(3, 0.75, "under_200_lines")),
)

_PEOPLE_SPEAK = (
    r"(?:french|spanish|german|italian|portuguese|dutch|polish|russian|chinese|mandarin|japanese"
    r"|korean|arabic|hindi|turkish|swedish|norwegian|danish|finnish|greek|latin|hebrew|czech"
    r"|ukrainian|vietnamese|thai|indonesian|english)"
)

GENERAL = (
    _rule(
        "labelling",
        1,
        0.75,
        "classify categorize categorise label sentiment spam",
        rf"{_BEGIN}(?:classify|categori[sz]e|label) {_THE}(?:each |every )?(?:\w+ ){{0,3}}"
        r"(?:as|into|by|review|tweet|text|email|message|sentence|comment|ticket|post|headline)\b"
        r"|\bsentiment (?:of|is)\b|\b(?:positive|negative|neutral)(?:,| or| and)[^\n.]{0,20}sentiment"
        r"|\bsentiment(?: of)?[^\n.]{0,40}\b(?:positive|negative)\b|\b(?:is|as) spam or (?:not|ham)",
        "train model architecture neural",
    ),
    _rule(
        "extraction",
        1,
        0.7,
        "extract list find identify",
        r"\b(?:extract|list|find|identify|pull out) (?:all |the |every |each |any |of )*(?:[\w-]+,? ){0,4}"
        r"(?:names?|dates?|e-?mails?|entities|addresses|urls?|keywords?|phone numbers?|prices?|amounts?"
        r"|places|people|companies|organi[sz]ations|locations)\b[^\n]{0,30}\b(?:from|in|mentioned)\b",
        "architecture creative function code regex script program",
    ),
    _rule(
        "translation",
        2,
        0.7,
        "translate translation",
        rf"\btranslate [^\n]{{0,160}}?\b(?:in)?to {_PEOPLE_SPEAK}\b|\btranslation of\b[^\n]{{0,80}}\b"
        rf"(?:in|into) {_PEOPLE_SPEAK}\b|\btranslate (?:from|{_PEOPLE_SPEAK})\b",
        "poem poetry function",
    ),
    _rule(
        "summary",
        2,
        0.7,
        "summarize summarise summary tldr",
        rf"{_BEGIN}(?:summari[sz]e|tl;?dr)\b|\b(?:give|write|provide|make) (?:me )?(?:an? |the )?"
        r"(?:[\w-]+ ){0,3}summary of\b",
        "architecture codebase",
    ),
    _rule(
        "multiple_choice",
        2,
        0.7,
        "b",
        r"(?:\A|\n|\s)\(?a[.):] ?[^\n]{1,300}(?:\n|\s)\s{0,8}\(?b[.):] ?\S",
    ),
    _rule(
        "short_question",
        2,
        0.7,
        "who whom whose when where which what how is are was were did does do can has",
        r"\A\s*(?:(?:in|on|at|for|from) (?:what|which) |who|whom|whose|when|where|which "
        r"|what(?:['\u2019]s)? (?!if\b|would\b|should\b)|how (?:many|much|old|tall|far|long|big|deep|high)\b"
        r"|(?:is|are|was|were|did|does|do|can|has) )[^\n?]{1,190}\??\s*\Z",
        "why design prove proof derive integral integer integers equation probability algorithm"
        " code function best explain",
    ),
)
"""Ours, for prompts without code; wide and modest, and each soon corrected by what is learned."""

_EVERY = (*RULES, *GENERAL)
_CUES = frozenset().union(*(rule.cues for rule in _EVERY))
_PLACES = {cue: [n for n, rule in enumerate(_EVERY) if cue in rule.cues] for cue in _CUES}
"""Rules by cue."""

DEFAULT = Verdict(DEFAULT_TIER, DEFAULT_CONFIDENCE, "default")

_NOT_WORDS = {mark: " " for mark in range(128) if not chr(mark).isalnum() and chr(mark) not in "_-"}
_CODE_SIGNS = "```", "):\n", ";\n", "{\n", "();", "};", "#include", "(self"
_CODE_LINES = re.compile(r"\n(?:def|class|import|from|function|const|public) ")


def propose(text: str) -> Verdict:
    """Propose a tier for a prompt.

    Args:
        text: What the router reads of the task.

    Returns:
        The first rule's verdict that holds; the default where none does.

    Example:
        >>> propose("Write a Python function that reverses a list.")
        Verdict(tier=2, confidence=0.8, rule='single_function')
        >>> propose("Elaborate.").rule
        'default'
    """
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        ends = text.lower()
    else:
        ends = f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}".lower()
    designed, general = _cued(ends.translate(_NOT_WORDS).split())
    found = _first(designed, ends.strip())
    if found is None and (lines := lines_of_code(text)):
        return next((rule.verdict for rule in LINE_RULES if lines < rule.lines), DEFAULT)
    return found or _first(general, ends) or DEFAULT


def _cued(words: list[str]) -> tuple[list[Rule], list[Rule]]:
    """Which of `RULES` and of `GENERAL` are asked, in order: by cue, half of a walk's 5 us."""
    asked: tuple[list[Rule], list[Rule]] = [], []
    places = [place for cue in _CUES.intersection(words) for place in _PLACES[cue]]
    for place in sorted(set(places)):
        rule = _EVERY[place]
        if rule.unless.isdisjoint(words):
            asked[place >= len(RULES)].append(rule)
    return asked


def _first(asked: list[Rule], ends: str) -> Verdict | None:
    for rule in asked:
        if rule.pattern.search(ends):
            return rule.verdict
    return None


def lines_of_code(text: str) -> int:
    """Count the lines of code in a prompt; 0 where there is no code.

    Fenced code is counted alone. Unfenced code is told by its punctuation and line starts, and
    then every line that is not blank counts, since prose and code can't be parted surely.
    """
    if "\n" not in text or not _looks_like_code(text):
        return 1 if text.startswith("def ") else 0
    if "```" in text:
        text = "\n".join(block.partition("\n")[2] for block in text.split("```")[1::2])
    return max(1, sum(1 for line in text.splitlines() if line.strip()))


def _looks_like_code(text: str) -> bool:
    for sign in _CODE_SIGNS:  # a generator takes 1 us more
        if sign in text:
            return True
    return _CODE_LINES.search(text) is not None
