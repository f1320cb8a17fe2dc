"""What can go wrong in the core. Each error has a `code` for programs and a sentence for people."""

from typing import ClassVar

from .messages import TEMPLATES, Message, Parameter, Templates, in_words


class VisionError(Exception):
    """Base of every error that is raised on purpose.

    `message` says what happened and what to do; it never names a path of the server. Its code is
    that of the class, alone or with `what` behind a dot. `str(error)` is the sentence in English,
    for commands and logs; pages and the API make it in their reader's language.
    """

    code: str = "vision_error"
    templates: ClassVar[Templates] = TEMPLATES

    def __init__(self, what: str | Message = "", /, **parameters: Parameter) -> None:
        super().__init__(what)
        if isinstance(what, str):
            what = Message(f"{self.code}.{what}" if what else self.code, parameters)
        self.message = what

    def __str__(self) -> str:
        return in_words(self.message, self.templates)


class PhotoError(VisionError):
    """The bytes given are not a photo that can be used."""

    code = "photo_unusable"


class PhotoTypeUnsupported(PhotoError):
    code = "photo_type_unsupported"


class PhotoUnreadable(PhotoError):
    code = "photo_unreadable"


class PhotoTooLarge(PhotoError):
    code = "photo_too_large"


_PHOTO_ERRORS: list[type[PhotoError]] = [PhotoError, *PhotoError.__subclasses__()]
PHOTO_ERRORS = {each.code: each for each in _PHOTO_ERRORS}
"""What can be wrong with a photo, by code."""


class BundleError(VisionError):
    """A model bundle cannot be used."""

    code = "model_unusable"


class BundleMissing(BundleError):
    code = "model_missing"


class BundleAway(BundleError):
    """Where bundles are kept does not answer."""

    code = "model_away"


class BundleCorrupt(BundleError):
    code = "model_corrupt"


class BundleIncompatible(BundleError):
    code = "model_incompatible"
