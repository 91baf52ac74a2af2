"""What keeps a file of weights from being loaded, as a sentence. No torch."""

from __future__ import annotations

MAX_CHARS = 300
PICKLE = (
    "the file is damaged, or a pickle that holds more than weights. Such a pickle can run any program, so it is not"
    " loaded; save the model as safetensors (save_pretrained does)"
)


def explain(error: BaseException) -> str:
    """Say what is wrong. torch's own message on a pickle advises to switch off what protects from it."""
    is_pickle = any(each.__name__ == "UnpicklingError" for each in type(error).__mro__)
    if is_pickle or "weights_only" in str(error):
        return PICKLE
    message = " ".join(str(error).split())
    if not isinstance(error, (OSError, ValueError, RuntimeError)) or not message:
        message = f"{type(error).__name__}: {message}".removesuffix(": ")
    return message if len(message) <= MAX_CHARS else message[: MAX_CHARS - 2] + " …"
