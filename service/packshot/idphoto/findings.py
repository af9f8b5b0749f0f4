"""What was found in a photo: the face, the head, and each rule with its figure and how sure we are of it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import hypot

Point = tuple[float, float]
Box = tuple[int, int, int, int]


class Rule(StrEnum):
    """The rules that are judged; kiosk and record name them by these keys."""

    ONE_FACE = "one_face"
    DISTANCE = "distance"
    HEAD_HEIGHT = "head_height"
    EYE_LINE = "eye_line"
    HEAD_ROOM = "head_room"
    CENTRING = "centring"
    TILT = "tilt"
    EYES = "eyes"
    RESOLUTION = "resolution"
    EXPOSURE = "exposure"
    COLOUR = "colour"
    LIGHT = "light"
    BACKGROUND = "background"
    BACKGROUND_EVENNESS = "background_evenness"
    SHADOW = "shadow"
    SHARPNESS = "sharpness"
    RED_EYE = "red_eye"


class State(StrEnum):
    """How a rule came out. UNSURE: the figure lies so near the limit, or is so uncertain, that a person should look."""

    OK = "ok"
    NOT_OK = "not_ok"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Finding:
    """One rule judged.

    ``figure`` in ``unit``, wanted from ``low`` to ``high`` (None: no limit on that side). ``confidence`` 0-1 is how
    sure we are that ``state`` is right. ``message`` is a key of ``wording.MESSAGES``, the sentence for people.
    """

    rule: Rule
    state: State
    message: str
    figure: float | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    confidence: float = 1.0

    @property
    def ok(self) -> bool:
        """Whether the rule is kept, as far as we can tell."""
        return self.state is State.OK


@dataclass(frozen=True)
class Face:
    """A face as found: its box (left, top, width, height) and both pupils, left in the picture first, in pixels.

    ``roll_deg`` is positive where the head leans to the right of the picture (clockwise). ``strength`` is the
    cascade's own score; ``eyes_seen`` 0, 1 or 2 how many pupils were seen and not only supposed.
    """

    box: Box
    left_eye: Point
    right_eye: Point
    roll_deg: float
    eyes_seen: int
    strength: float

    @property
    def eye_distance(self) -> float:
        """Pixels between the pupils."""
        return hypot(self.right_eye[0] - self.left_eye[0], self.right_eye[1] - self.left_eye[1])

    @property
    def between_eyes(self) -> Point:
        """The point midway between the pupils."""
        return (self.left_eye[0] + self.right_eye[0]) / 2, (self.left_eye[1] + self.right_eye[1]) / 2


@dataclass(frozen=True)
class Head:
    """A head as measured, in pixels of the photo: rows of crown, eye line and chin, column of the middle.

    ``crown`` is the top of the skull where hair lies flat, as estimated where it does not; ``hair_top`` the highest
    hair. The errors are one standard deviation in pixels; ``confidence`` 0-1 is of the head's height.
    """

    face: Face
    crown: float
    chin: float
    hair_top: float
    centre: float
    crown_error: float
    chin_error: float
    confidence: float

    @property
    def height(self) -> float:
        """Chin to crown."""
        return self.chin - self.crown

    def scaled(self, scale: float, left: float = 0.0, top: float = 0.0) -> "Head":
        """The head in a picture that begins at (left, top) and is then scaled."""

        def moved(point: Point) -> Point:
            return (point[0] - left) * scale, (point[1] - top) * scale

        box = self.face.box
        corner = moved((box[0], box[1]))
        face = replace(
            self.face,
            box=(round(corner[0]), round(corner[1]), round(box[2] * scale), round(box[3] * scale)),
            left_eye=moved(self.face.left_eye),
            right_eye=moved(self.face.right_eye),
        )
        return replace(
            self,
            face=face,
            crown=(self.crown - top) * scale,
            chin=(self.chin - top) * scale,
            hair_top=(self.hair_top - top) * scale,
            centre=(self.centre - left) * scale,
            crown_error=self.crown_error * scale,
            chin_error=self.chin_error * scale,
        )

    @property
    def eye_line(self) -> float:
        """The row of the eyes."""
        return self.face.between_eyes[1]


@dataclass(frozen=True)
class Guidance:
    """What a live frame looks like by a spec; rows and columns in pixels of the frame.

    ``head`` is None unless exactly one face is there; ``message`` the most useful thing to say now, a key of
    ``wording.MESSAGES``; ``ready`` that a photo taken now should keep the spec. ``crop`` (left, top, width, height) is
    what would be cut out, and may reach over the frame's edge.
    """

    faces: tuple[Box, ...]
    head: Head | None
    findings: tuple[Finding, ...]
    message: str
    ready: bool
    crop: tuple[float, float, float, float] | None = None
