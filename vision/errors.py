"""What can go wrong in the core. Each error has a `code` for programs and a sentence for people."""


class VisionError(Exception):
    """Base of every error the core raises on purpose.

    `str(error)` is a sentence a person understands: what happened and what to do. It never
    names a path of the server.
    """

    code = "vision_error"


class PhotoError(VisionError):
    """The bytes given are not a photo that can be used."""

    code = "photo_unusable"


class PhotoTypeUnsupported(PhotoError):
    code = "photo_type_unsupported"


class PhotoUnreadable(PhotoError):
    code = "photo_unreadable"


class PhotoTooLarge(PhotoError):
    code = "photo_too_large"


class BundleError(VisionError):
    """A model bundle cannot be used."""

    code = "model_unusable"


class BundleMissing(BundleError):
    code = "model_missing"


class BundleCorrupt(BundleError):
    code = "model_corrupt"


class BundleIncompatible(BundleError):
    code = "model_incompatible"
