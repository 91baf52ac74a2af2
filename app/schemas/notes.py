"""Schema of the title, note and tags of a run."""

from __future__ import annotations

from marshmallow import ValidationError
from marshmallow.validate import Regexp

from app.schemas import fields
from app.schemas.fields import Schema

MAX_TITLE_CHARS = 255
MAX_NOTE_CHARS = 10_000
MAX_TAG_CHARS = 50
MAX_TAGS = 20

_ONE_LINE = Regexp(r"^[^\x00-\x1f\x7f]*$", error="Must not contain control characters.")


def _encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError("Must be valid Unicode, without single surrogates.") from None


def _few_tags(tags: list[str]) -> None:
    if len(tags) > MAX_TAGS:
        raise ValidationError(f"Must have at most {MAX_TAGS} tags.")


class PresentNotesSchema(Schema):
    """What the client knows of the present values. A field that is not sent is not compared."""

    title = fields.string("null: none.", optional=True)
    note = fields.string("null: none.", optional=True)
    tags = fields.array(fields.string(), "All tags.", required=False)


class NotesSchema(Schema):
    """What to change. A field that is not sent stays as it is."""

    title = fields.string(
        "null: none.", optional=True, validate=[fields.length(1, MAX_TITLE_CHARS), _encodable, _ONE_LINE]
    )
    note = fields.string("null: none.", optional=True, validate=[fields.length(1, MAX_NOTE_CHARS), _encodable])
    tags = fields.array(
        fields.string(validate=[fields.length(1, MAX_TAG_CHARS), _encodable, _ONE_LINE]),
        f"All tags, at most {MAX_TAGS}.",
        required=False,
        validate=_few_tags,
        documented={"maxItems": MAX_TAGS},
    )
    expected = fields.nested(
        PresentNotesSchema,
        "The present values as the client knows them. If one differs, the service changes nothing (409).",
        required=False,
        example={"title": "baseline"},
    )
