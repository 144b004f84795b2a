"""Words of the papers, each explained once, where one hovers."""

from gluscope_core.vocabulary import Case, IOClass, Role

_ATYPICAL = "atypical "
_CLASSES = {
    IOClass.ENRICHMENT: "w_out points along w_in, and along or against w_gate: it writes more of what it reads",
    IOClass.CONDITIONAL_ENRICHMENT: "w_out points along w_in and has little to do with w_gate: where the gate lets it, "
    "it writes more of what it reads",
    IOClass.DEPLETION: "w_out points against w_in, and along or against w_gate: it takes away what it reads",
    IOClass.CONDITIONAL_DEPLETION: "w_out points against w_in and has little to do with w_gate: where the gate lets "
    "it, it takes away what it reads",
    IOClass.PROPORTIONAL_CHANGE: "w_out points along or against w_gate and has little to do with w_in: it changes what "
    "opens it, in proportion to what w_in reads",
    IOClass.ORTHOGONAL_OUTPUT: "w_out has little to do with w_in and w_gate: it writes something else than it reads",
}
_ROLES = {
    Role.PARTITION: "its effect on tokens varies most: it promotes much of the vocabulary and suppresses much of it",
    Role.PREDICTION: "it has an effect on few tokens, which it promotes, judging by the signs of its weights",
    Role.SUPPRESSION: "it has an effect on few tokens, which it suppresses, judging by the signs of its weights",
    Role.ENTROPY: "it writes into directions that hardly touch any token: it changes how sure a prediction is",
    Role.ATTENTION_DEACTIVATION: "it makes heads of the next layer rest on the first token",
    Role.ATTENTION_ACTIVATION: "it keeps heads of the next layer from resting on the first token",
}


def explain_case(case: Case) -> str:
    gate, linear = (">" if sign > 0 else "<" for sign in case.value)
    return f"tokens at which x_gate {gate} 0 and x_in {linear} 0"


def explain_class(io_class: str) -> str:
    """Empty for a class that this release does not know."""
    known = {kind.value: words for kind, words in _CLASSES.items()}
    words = known.get(io_class.removeprefix(_ATYPICAL), "")
    if not words or not io_class.startswith(_ATYPICAL):
        return words
    return f"{words}; atypical: w_gate and w_in do not point as the other two cosines would have it"


def explain_role(role: str) -> str:
    return next((words for known, words in _ROLES.items() if known.value == role), "")
