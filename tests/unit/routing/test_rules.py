"""The table of rules, prompt by prompt: what each must match, and what it must not."""

import pytest

from streams.routing.rules import DEFAULT, Verdict, lines_of_code, propose

TEN_LINES = "\n".join(f"    total += step_{n}(x);" for n in range(10))
BLOCK = f"```c\nint run(int x) {{\n{TEN_LINES}\n    return total;\n}}\n```"


def _block(lines: int) -> str:
    return "```python\n" + "\n".join(f"x_{n} = {n}" for n in range(lines)) + "\n```"


MATCHES = {
    "formatting": (
        1,
        (
            "Format this code: x=1;y=2",
            "Please reformat the following Python function.",
            "Could you prettify my CSS?",
            "Fix the indentation of this snippet.",
            "Beautify the HTML below.",
            "Indent this block properly.",
            "Here is a query. Format the SQL query.",
            "Minify this JavaScript.",
            "Clean up the formatting in this file.",
            "Pretty-print this YAML: {a: 1}",
        ),
        (
            "What format do passports use for dates?",
            "How do I format a hard drive?",
            "Give me the answer in JSON format.",
            "Write a function that formats a date.",
            "Design the architecture of a service that will format this code on demand.",
        ),
    ),
    "simple_refactoring": (
        1,
        (
            "Rename the variable x to total in this code.",
            "Please rename `getUsr` to `get_user`.",
            "Extract a variable for the repeated expression.",
            "Remove the unused imports.",
            "Sort the imports of this module.",
            "Can you inline the helper function?",
            "Extract this method into a helper: foo()",
            "Replace the magic numbers with constants.",
            "Tidy up the imports.",
            "Rename this class to Invoice.",
        ),
        (
            "Rename my startup: it sells tea and needs something memorable.",
            "Extract all names from this text.",
            "Which goods does Norway export and which imports are the largest?",
            "Which sort of variable stars did Leavitt study?",
        ),
    ),
    "comments": (
        1,
        (
            "Add docstrings to this module.",
            "Write a docstring for the function below.",
            "Please comment this code.",
            "Add inline comments to the following function.",
            "Add comments to every method.",
            "Generate Javadoc for this class.",
            "Document this function.",
            "Update the docstrings so that they match the code.",
            "Insert comments into the script below.",
            "Could you add JSDoc to my module?",
        ),
        (
            "Comment on the author's tone.",
            "Write a comment for an Instagram post about autumn.",
            "Fix the bug that the reviewer names in the comment.",
            "Which document ended the Thirty Years' War?",
        ),
    ),
    "single_function": (
        2,
        (
            "Write a Python function that reverses a list.",
            "Implement a function to check whether a number is prime.",
            "Create a function called slugify.",
            "Write me a JavaScript function which debounces clicks.",
            "Complete the function below.",
            "Write a recursive function for the factorial.",
            "Write a method that returns the median.",
            "Give me a function that parses an ISO date.",
            'def add(a, b):\n    """Add two numbers."""\n',
            "You are a programmer. Write one function to merge two dicts.",
        ),
        (
            "What is the function of mitochondria?",
            "Write two functions that encode and decode a string.",
            "Explain how the function of the liver changes with age.",
            "When did the tax function end?",
        ),
    ),
    "simple_test": (
        2,
        (
            "Write a unit test for this method.",
            "Add a test for the empty list.",
            "Write a simple pytest test.",
            "Please write some unit tests for the parser.",
            "Create a JUnit test for the Invoice class.",
            "Generate a Jest test that covers the error path.",
            "Write tests for the code above.",
            "Add one small test.",
            "Give me a quick unit test.",
            "Could you write a basic test for slugify?",
        ),
        (
            "Write an integration test for the payment service.",
            "Write a test strategy for our mobile app.",
            "Who won the last test match in Lahore?",
            "Create a test for my students about the French Revolution.",
        ),
    ),
    "several_functions": (
        3,
        (
            "Write three functions that read, clean and store a file.",
            "Write several functions for date handling.",
            "Implement a class for a bank account.",
            "Implement the following methods: push, pop, peek.",
            "Create a Python class with a constructor and validation.",
            "Write functions to encode and decode base64.",
            "Add two methods to the parser and two classes to the module.",
            "Build a set of functions for matrix algebra.",
            "Implement a generic LRU cache class.",
            "Create endpoints for login and logout.",
        ),
        (
            "Write a function that adds numbers.",
            "Explain the periods of trigonometric functions.",
            "What are the functions of the liver?",
            "Write a class on mindfulness.",
        ),
    ),
    "integration": (
        3,
        (
            "Write an integration test for the payment service.",
            "Integrate Stripe with our billing backend.",
            "Add end-to-end tests for checkout.",
            "Connect the form to our REST API.",
            "Integrate OAuth login into the app.",
            "Write integration tests against Postgres.",
            "Implement a webhook handler.",
            "Help with integrating Slack notifications into our service.",
            "Connect our script to a message queue.",
            "Integrate the new module with the existing system.",
        ),
        (
            "Integrate x^2 from 0 to 1.",
            "When did European integration begin?",
            "How does racial integration affect schools?",
            "Connect the dots in this argument.",
        ),
    ),
    "architecture": (
        4,
        (
            "Design the architecture of a chat application.",
            "Propose a scalable architecture for image processing.",
            "Split this monolith into microservices.",
            "Design a distributed rate limiting system.",
            "Review our cloud architecture.",
            "Outline a data pipeline architecture for clickstreams.",
            "Design a scalable backend for a game.",
            "Compare hexagonal architecture and layers.",
            "Redesign our deployment platform.",
            "Give a system design for a URL shortener.",
        ),
        (
            "Which cathedral is known for its Gothic architecture?",
            "Who was the architect of the Eiffel Tower?",
            "What is the CPU architecture of the M1?",
            "Write a function that adds numbers.",
        ),
    ),
    "api_design": (
        4,
        (
            "Design a REST API for a library.",
            "Design the public interface of a cache.",
            "Give me advice on API design for pagination.",
            "Specify a GraphQL schema for orders.",
            "Design an SDK for our billing product.",
            "Design a wire protocol for telemetry.",
            "Redesign the endpoints of this service.",
            "Write an OpenAPI spec for a to-do list.",
            "Help me with designing an API for webhooks.",
            "Design a versioned HTTP API contract.",
        ),
        (
            "What does API stand for?",
            "Call this API and print the answer.",
            "Who wrote the book on interior design?",
            "Fix the API key in this file.",
        ),
    ),
    "creativity": (
        4,
        (
            "Write a poem about the sea.",
            "Tell me a bedtime story.",
            "Compose a haiku on winter.",
            "Brainstorm names for a bakery.",
            "Write the lyrics of a song about rain.",
            "Draft a short story set on Mars.",
            "Create a slogan for a bicycle shop.",
            "Write a persuasive essay on tides.",
            "Invent a fairy tale about a fox.",
            "Write a funny limerick.",
        ),
        (
            "Who wrote the poem Ozymandias?",
            "In which novel does Captain Ahab appear?",
            "Which song was number one in 1985?",
            "Write a function that counts words.",
        ),
    ),
    "under_50_lines": (
        2,
        (
            f"What does this do?\n{BLOCK}",
            f"Find the bug.\n{BLOCK}",
            f"Why is this slow?\n{_block(49)}",
            f"Explain:\n{_block(1)}",
            "Why does it fail?\nfor i in range(3):\n    print(i)\n",
            "Is this right?\nif (a) {\n  b();\n}",
            "Port it to Rust:\n#include <stdio.h>\nint main(void) { return 0; }",
            "What is printed?\nimport sys\nprint(sys.argv)",
            f"{BLOCK}\nMake it faster.",
            "Explain\nconst a = () => 1;\nconst b = 2;",
        ),
        (
            f"Why is this slow?\n{_block(50)}",
            "Keep it under 50 lines.",
            "One line\nand another line\nof prose.",
            "Dear team,\n\nthe meeting moves to Monday.\n\nRegards",
        ),
    ),
    "under_200_lines": (
        3,
        tuple(f"Why is this slow?\n{_block(lines)}" for lines in range(50, 200, 16)),
        (
            f"Why is this slow?\n{_block(49)}",
            f"Why is this slow?\n{_block(200)}",
            "Prose.\n" * 100,
        ),
    ),
    "labelling": (
        1,
        (
            "Classify the following review as positive or negative: great food",
            "What is the sentiment of this tweet? 'so tired'",
            "Label each sentence as fact or opinion.",
            "Categorize these tickets by product.",
            "Please classify this email as spam or not spam.",
            "Is the sentiment positive or negative? It broke at once.",
            "Classify the text into one of: sports, politics.",
            "Categorise this message: where is my parcel?",
            "Decide on positive, neutral or negative sentiment: fine.",
            "Label this comment as polite or rude.",
        ),
        (
            "How do astronomers classify galaxies?",
            "Train a model to classify images.",
            "Which label released Abbey Road?",
        ),
    ),
    "extraction": (
        1,
        (
            "Extract all names from this text: Ann met Bob.",
            "List all the dates mentioned in the letter.",
            "Find every email address… extract the emails from the footer.",
            "Extract the phone numbers from this page.",
            "Identify all companies in this article.",
            "Extract the key entities from the report.",
            "Pull out the prices: extract every price from the list.",
            "Extract keywords from the abstract.",
            "List the people mentioned in this paragraph.",
            "Find all URLs in the message.",
        ),
        (
            "Write a regex to extract emails from text.",
            "How is vanilla extract made?",
            "List the reasons for the fall of Rome.",
        ),
    ),
    "translation": (
        2,
        (
            "Translate 'good morning' to French.",
            "Translate this sentence into German: it rains.",
            "Please translate the text below to Spanish.",
            "What is the translation of 'cheese' in Italian?",
            "Translate from Dutch: goedemorgen",
            "Could you translate 'thank you' into Japanese?",
            "Translate the following email to Polish.",
            "Translate into English: guten Tag",
            "Translate English text: hello",
            "Translate 'I am late' to Korean",
        ),
        (
            "Translate this Java code to Go.",
            "Translate this function to idiomatic Ruby.",
            "Explain how ribosomes translate mRNA.",
        ),
    ),
    "summary": (
        2,
        (
            "Summarize the article below.",
            "Please summarise this thread.",
            "Write a summary of the report.",
            "Give me a short summary of the meeting.",
            "TL;DR: the text follows. tldr",
            "Summarize: the fox jumped.",
            "Could you summarize my notes?",
            "Provide a one-paragraph summary of this chapter.",
            "Read this. Then summarize it.",
            "Here is a memo. Summarise it in one line.",
        ),
        (
            "Which summary offences were abolished?",
            "Summarize the architecture of our codebase.",
            "What is a summary judgment in law?",
        ),
    ),
    "multiple_choice": (
        2,
        tuple(
            f"{stem}\n{first} red\n{second} blue\n"
            for stem in ("Which colour is longest in wave length?", "Pick one.", "Choose:")
            for first, second in (("A.", "B."), ("a)", "b)"), ("(A)", "(B)"), ("A:", "B:"))
        ),
        (
            "What is plan B?",
            "Grade A. eggs and vitamin D",
            "Section b) applies.",
        ),
    ),
    "short_question": (
        2,
        (
            "Who wrote the poem Ozymandias?",
            "what is the capital of peru",
            "When did the war end?",
            "Where is Mount Ararat?",
            "Which cathedral is known for its Gothic architecture?",
            "How many moons has Mars?",
            "In which year was the Bastille stormed?",
            "What's the boiling point of neon?",
            "Is a tomato a fruit?",
            "who plays tara's girlfriend on true blood",
        ),
        (
            "What if the moon were gone? Discuss the tides at length.",
            "Why is the sky blue?",
            "How would you plan a wedding?",
            "Who are you? Who am I? Write down what you think of both of us.",
        ),
    ),
}

CASES = [(name, p) for name, (_, positive, _) in MATCHES.items() for p in positive]
NEAR = [(name, p) for name, (_, _, negative) in MATCHES.items() for p in negative]


@pytest.mark.parametrize(("rule", "prompt"), CASES)
def test_a_rule_matches_its_cases(rule: str, prompt: str) -> None:
    verdict = propose(prompt)
    assert (verdict.rule, verdict.tier) == (rule, MATCHES[rule][0])


@pytest.mark.parametrize(("rule", "prompt"), NEAR)
def test_a_rule_leaves_what_only_looks_like_its_case(rule: str, prompt: str) -> None:
    assert propose(prompt).rule != rule


@pytest.mark.parametrize("rule", MATCHES)
def test_every_rule_has_ten_cases_and_three_near_ones(rule: str) -> None:
    _, positive, negative = MATCHES[rule]
    assert len(positive) >= 10
    assert len(negative) >= 3


@pytest.mark.parametrize(
    ("prompt", "rule"),
    [
        (f"Redesign this into microservices.\n{BLOCK}", "architecture"),
        (f"Design a REST API around this.\n{BLOCK}", "api_design"),
        (f"Write a poem about this code.\n{BLOCK}", "creativity"),
        (f"Rename the variable x in this code.\n{_block(120)}", "simple_refactoring"),
        (f"Add docstrings to this function.\n{_block(10)}", "comments"),
        (f"Write an integration test for it.\n{_block(10)}", "integration"),
        ("Write a unit test for this function. Also add docstrings.", "comments"),
        ("Design the architecture of a shop. Add docstrings to the code.", "architecture"),
        ("Design a scalable system with a REST API design.", "architecture"),
    ],
)
def test_rules_are_asked_in_order_and_lines_of_code_after_architecture(
    prompt: str, rule: str
) -> None:
    assert propose(prompt).rule == rule


def test_lines_of_code_count_only_where_there_is_code() -> None:
    assert lines_of_code("a\nb\nc") == 0
    assert lines_of_code(f"Look at this:\n{_block(7)}\nWhy?") == 7
    assert propose("Tell us about tea.\n" * 10) == DEFAULT


@pytest.mark.parametrize("prompt", ["", "Elaborate.", "\x00", "\ud800 why", "a " * 100_000])
def test_whatever_no_rule_knows_gets_the_default_which_is_not_bumped(prompt: str) -> None:
    assert propose(prompt) == Verdict(3, 0.7, "default")


def test_the_request_is_found_at_either_end_of_a_long_prompt() -> None:
    filler = "It went on and on. " * 500
    assert propose(f"Summarize the text. {filler}").rule == "summary"
    assert propose(f"{filler}\nSummarize the text.").rule == "summary"
