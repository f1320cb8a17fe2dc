"""Every failure has a sentence that a person understands."""

import pytest
from django.utils.translation import override

from predictions.failures import FailureCode, explain
from vision.errors import PhotoError
from vision.photos.formats import FORMATS


@pytest.mark.parametrize("error", [PhotoError, *PhotoError.__subclasses__()])
def test_every_error_of_a_photo_is_explained(error: type[PhotoError]) -> None:
    assert error.code in FailureCode.values


def test_every_code_has_a_sentence_of_its_own() -> None:
    sentences = {explain(code) for code in FailureCode.values}
    assert len(sentences) == len(FailureCode.values)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_what_is_sent_instead_is_named_in_every_language() -> None:
    for language in ("en", "ko"):
        with override(language):
            sentence = explain("photo_type_unsupported")
        assert all(each.name in sentence for each in FORMATS.values())


def test_an_unknown_code_is_our_mistake_and_not_a_crash() -> None:
    assert explain("of an older version") == explain("internal_error")
