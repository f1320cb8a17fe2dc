"""What attributes and their labels are called: the one place that makes words of declarations.

Messages name them by the codes of `templates`; pages ask for them in the reader's language.
"""

from django.utils.text import get_text_list
from django.utils.translation import gettext

from vision.attributes import ATTRIBUTES, RACE, labelled
from vision.messages import Templates


def templates() -> Templates:
    """The words by code: of every attribute a title and what it is called within a sentence, and
    of each of its labels what it is called within one."""
    return {
        code: words
        for one in ATTRIBUTES.values()
        for code, words in (
            (f"title.{one.name}", one.title),
            (f"head.{one.name}", one.title.lower()),
            *(
                (f"{one.name}.{label}", words if one == RACE else words.lower())
                for label, words in zip(one.labels, one.label_titles, strict=True)
            ),
        )
    }


def title(name: str) -> str:
    """An attribute as people read it, such as “Race”."""
    return gettext(ATTRIBUTES[name].title)


def name_in_words(name: str) -> str:
    """An attribute within a sentence, such as “race”."""
    return gettext(str(templates()[f"head.{name}"]))


def labelled_in_words(conjunction: str) -> str:
    """All attributes that have labels, within a sentence, such as “gender and race”."""
    return get_text_list([name_in_words(one.name) for one in labelled()], conjunction)


def label_title(name: str, label: str) -> str:
    """A label of an attribute as people read it, such as “Asian”; one that is not known stays."""
    attribute = ATTRIBUTES[name]
    if label not in attribute.labels:
        return label
    return gettext(attribute.label_titles[attribute.labels.index(label)])


def label_choices(name: str) -> list[tuple[int, str]]:
    """The labels of an attribute by their numbers, for a form."""
    labels = ATTRIBUTES[name].labels
    return [(number, label_title(name, label)) for number, label in enumerate(labels)]


def value_in_words(name: str, value: int) -> str:
    """What the number of a label says within a sentence: years, or a label such as “female”."""
    labels = ATTRIBUTES[name].labels
    return gettext(str(templates()[f"{name}.{labels[value]}"])) if labels else str(value)


def values_in_words(name: str) -> list[str]:
    """All labels of an attribute, each within a sentence, in their order."""
    return [value_in_words(name, number) for number in range(len(ATTRIBUTES[name].labels))]
