"""What is said to people, by message key; a kiosk translates by the same keys. ``{...}`` are figures to fill in."""

from collections.abc import Mapping
from types import MappingProxyType

from packshot.errors import GiveUpCapture

MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        # live and measured rules
        "one_face_ok": "one face",
        "no_face": "no face found; look straight into the camera, the whole head in the picture",
        "several_faces": "{count} faces found; one person alone before the camera, nothing with faces behind",
        "distance_ok": "the distance is right",
        "step_back": "too near; step back a little",
        "come_nearer": "too far away; come nearer",
        "head_height_ok": "the head has the right height",
        "head_too_small": "the head is too small in the photo",
        "head_too_large": "the head is too large in the photo",
        "eye_line_ok": "the eyes are at the right height",
        "eyes_too_high": "the eyes are too high in the photo",
        "eyes_too_low": "the eyes are too low in the photo",
        "head_room_ok": "enough room above the head",
        "head_near_top": "the head is too near the top; lower the seat or raise the camera",
        "head_far_from_top": "too much room above the head; raise the seat or lower the camera",
        "centring_ok": "the face is in the middle",
        "move_left": "move to the left of the picture",
        "move_right": "move to the right of the picture",
        "tilt_ok": "the head is upright",
        "tilt_left": "lean your head to the right of the picture",
        "tilt_right": "lean your head to the left of the picture",
        "eyes_ok": "both eyes are seen",
        "eyes_not_seen": "eyes not clearly seen; open them, push hair aside, take off dark glasses, avoid glare",
        "resolution_ok": "the photo has enough pixels",
        "too_few_pixels": "too few pixels on the face; come nearer or use a camera with more",
        "exposure_ok": "the exposure is right",
        "too_dark": "the face is too dark; more light from the front",
        "too_bright": "parts of the face are burnt out; less light",
        "colour_ok": "the photo is in colour",
        "no_colour": "the photo has no colour; take it in colour",
        "light_ok": "the light is even",
        "light_from_left": "the light comes from the left of the picture; light both sides alike",
        "light_from_right": "the light comes from the right of the picture; light both sides alike",
        "background_ok": "the background has the right colour",
        "background_wrong": "the background has the wrong colour for this photo",
        "background_new": "the background was replaced; look at the outline",
        "background_kept": "the person could not be cut out surely, so the background was kept; use a plainer one",
        "background_unseen": "too little background is seen to judge it",
        "background_even": "the background is even",
        "background_uneven": "the background is not even; use a plain wall or screen and light it evenly",
        "shadow_ok": "no shadow behind the head",
        "shadow_behind": "a shadow lies behind the head; stand farther from the wall",
        "sharpness_ok": "the face is sharp",
        "blurred": "the face is blurred; hold still, check the focus",
        "red_eye_ok": "no red eyes",
        "red_eyes": "red eyes; move the flash away from the lens",
        "ready": "hold still",
        # refusals of a finished photo
        "face_at_edge": "the face is too near the {side} edge; the crop needs {missing_px} px more there: step back "
        "or move to the middle, and take the photo again",
        "face_too_small": "the face is too small: {eye_distance_px} px between the eyes, at least {least_px} are "
        "needed; come nearer or use a camera with more pixels",
    }
)

NOT_JUDGED = "eyes open and on the camera, mouth closed, no glare on glasses"


class NoPortrait(GiveUpCapture):
    """No ID photo can be made of this photo. ``message`` is a key of ``MESSAGES``, ``values`` fills it in."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(say(message, **values))
        self.message = message
        self.values = values


def say(message: str, **values: object) -> str:
    """The English sentence of a message key."""
    return MESSAGES[message].format_map(_Blank(values))


class _Blank(dict[str, object]):
    """Figures to fill in; what is missing becomes an ellipsis."""

    def __missing__(self, key: str) -> str:
        return "…"
