"""Every failure and every warning has a sentence that a person understands."""

import pytest
from django.utils.translation import override

from predictions.messages import FAILURE_CODES, WarningCode, explain, explained
from tests.factories import PredictionFactory
from vision.errors import PhotoError, PhotoTooLarge
from vision.messages import Message, stored
from vision.photos.decoding import CUT_SHORT
from vision.photos.formats import FORMATS


@pytest.mark.parametrize("error", [PhotoError, *PhotoError.__subclasses__()])
def test_every_error_of_a_photo_is_explained(error: type[PhotoError]) -> None:
    assert error.code in FAILURE_CODES


def test_every_code_has_a_sentence_of_its_own() -> None:
    sentences = {explain(code) for code in FAILURE_CODES}
    assert len(sentences) == len(FAILURE_CODES)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_what_is_sent_instead_is_named_in_every_language() -> None:
    for language in ("en", "ko"):
        with override(language):
            sentence = explain("photo_type_unsupported")
        assert all(each.name in sentence for each in FORMATS.values())


def test_an_unknown_code_is_our_mistake_and_not_a_crash() -> None:
    assert explain("of an older version") == explain("internal_error")


def test_what_is_stored_beside_a_code_is_said_in_the_readers_language() -> None:
    error = PhotoTooLarge(limit=Message("megabytes", {"count": 15}))
    prediction = PredictionFactory.build(
        failure_code=error.code, failure_parameters=stored(error.message.parameters)
    )
    assert (
        prediction.failure
        == str(error)
        == ("The photo is larger than 15 MB. Please send a smaller version.")
    )
    with override("ko"):
        assert "15MB" in prediction.failure


def test_what_failed_before_there_were_parameters_is_explained_all_the_same() -> None:
    told = PredictionFactory.build(failure_code="photo_too_large").failure
    assert told.startswith("The photo is larger than what is accepted here")


def test_what_reading_a_photo_warns_of_is_explained() -> None:
    assert explained([CUT_SHORT])[0]["message"].endswith(".")


def test_every_warning_has_a_sentence_of_its_own() -> None:
    sentences = {warning["message"] for warning in explained(WarningCode)}
    assert len(sentences) == len(WarningCode)


def test_no_warning_is_an_empty_list_and_an_unknown_one_is_left_out() -> None:
    assert explained([]) == explained(["of a later version"]) == []
