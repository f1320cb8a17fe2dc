"""What attributes and their labels are called, in the reader's language."""

from django.utils.translation import gettext

from vision.attributes import ATTRIBUTES


def title(name: str) -> str:
    """An attribute's name as people read it, such as “Race”."""
    return gettext(ATTRIBUTES[name].title)


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
