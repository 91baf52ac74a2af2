"""Describe why a weights file cannot be loaded. Imports no torch."""

from __future__ import annotations

MAX_CHARS = 300
PICKLE = (
    "the file is damaged, or it is a pickle that contains more than weights. Such a pickle can run any code, so it is"
    " not loaded. Save the model as safetensors (save_pretrained does)"
)


def describe_load_error(error: BaseException) -> str:
    """Describe `error` on one line. torch's own message on a pickle would advise to turn off its protection."""
    is_pickle = any(each.__name__ == "UnpicklingError" for each in type(error).__mro__)
    if is_pickle or "weights_only" in str(error):
        return PICKLE
    message = " ".join(str(error).split())
    if not isinstance(error, (OSError, ValueError, RuntimeError)) or not message:
        message = f"{type(error).__name__}: {message}".removesuffix(": ")
    return message if len(message) <= MAX_CHARS else message[: MAX_CHARS - 2] + " …"
