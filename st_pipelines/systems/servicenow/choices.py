"""Choice values by their labels. Invariant: a state is looked up on the instance by its label and never guessed; a
label that two values carry is an error.

Stored numbers of states are not published and differ between instances. A table without choices of its own has those
of its parent.
"""

from collections.abc import Iterable, Mapping, Sequence

from st_pipelines.systems.http.errors import Forbidden
from st_pipelines.systems.servicenow.answers import Ambiguous, Untrusted, said
from st_pipelines.systems.servicenow.dictionary import MetadataHidden
from st_pipelines.systems.servicenow.proof import Choice, Proof
from st_pipelines.systems.servicenow.query import Columns, all_of, equals, one_of, query
from st_pipelines.systems.servicenow.tables import select
from st_pipelines.systems.servicenow.values import flag, stored

_CHOICES = Columns("sys_choice", ["name", "element", "language"])
_SHOWN = ["name", "element", "value", "label", "language", "inactive"]
_MOST = 2000


def choices(proof: Proof, table: str, element: str, language: str = "en") -> Sequence[Choice]:
    """All choices of a column, retired ones too, asked for once in the life of ``proof``, as its dictionary is. Raises
    ``MetadataHidden`` or ``Untrusted``."""
    of = table, element, language
    if of not in proof.choices:
        proof.choices[of] = _read(proof, table, element, language)
    return proof.choices[of]


def _read(proof: Proof, table: str, element: str, language: str) -> Sequence[Choice]:
    info = proof.dictionary.table(table)
    chain = info.chain if info is not None else (table,)
    asked = query(all_of(one_of(_CHOICES["name"], chain), equals(_CHOICES["element"], element),
                         equals(_CHOICES["language"], language)))  # fmt: skip
    try:
        answer = select(proof.client, _CHOICES.table, asked, _SHOWN, limit=_MOST)
    except Forbidden as fault:
        raise _hidden(proof, said(fault)) from fault
    if answer.total is not None and answer.total > len(answer.rows):
        raise _hidden(proof, f"{answer.total - len(answer.rows)} choices of {table}.{element} are withheld")
    of: dict[str, list[Choice]] = {}
    for row in answer.rows:
        name = stored(row.get("name"))
        if name not in chain or stored(row.get("element")) != element or stored(row.get("language")) != language:
            raise proof.client.fault(
                Untrusted, f"asked for the choices of {table}.{element}, got some of {name}", _CHOICES.table,
                cure="a condition was ignored: give the user the right to query name, element and language",
            )  # fmt: skip
        choice = Choice(stored(row.get("value")), stored(row.get("label")), not flag(stored(row.get("inactive"))))
        of.setdefault(name, []).append(choice)
    return next((of[name] for name in chain if name in of), ())


def labels(proof: Proof, table: str, element: str, language: str = "en") -> Mapping[str, str]:
    """Stored value to label, for reading: a retired value may stand in old records."""
    return {choice.value: choice.label for choice in choices(proof, table, element, language)}


def value_of(proof: Proof, table: str, element: str, label: str, language: str = "en") -> str:
    """The stored value of a label. Raises ``Untrusted``, naming the labels that there are, or ``Ambiguous``."""
    return values_of(proof, table, element, [label], language)[label]


def values_of(
    proof: Proof, table: str, element: str, wanted: Iterable[str], language: str = "en"
) -> Mapping[str, str]:  # fmt: skip
    """The same of several labels, with one question."""
    active = [choice for choice in choices(proof, table, element, language) if choice.is_active]
    found = {}
    for label in wanted:
        values = sorted({choice.value for choice in active if choice.label == label})
        if not values:
            there = ", ".join(sorted(choice.label for choice in active)) or "none"
            raise proof.client.fault(Untrusted, f"{table}.{element} has no active choice {label!r}; there are: {there}",
                                     _CHOICES.table, cure="correct the label in the profile")  # fmt: skip
        if len(values) > 1:
            raise proof.client.fault(Ambiguous, f"{table}.{element}: the values {', '.join(values)} are all {label!r}",
                                     _CHOICES.table, cure="give all but one of them another label")  # fmt: skip
        found[label] = values[0]
    return found


def _hidden(proof: Proof, why: str) -> MetadataHidden:
    return proof.client.fault(MetadataHidden, f"its choices cannot be read ({why})", _CHOICES.table,
                              cure="give the integration user the right to read sys_choice")  # fmt: skip
