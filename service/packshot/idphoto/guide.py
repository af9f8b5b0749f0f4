"""What to say before a live picture: fast rules without the network, and the one most useful message."""

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.idphoto import quality
from packshot.idphoto.crop import Frame, frame_head
from packshot.idphoto.faces import LIVE_SIDE, FaceFinder
from packshot.idphoto.findings import Finding, Guidance, Head, Rule, State
from packshot.idphoto.head import measure_head
from packshot.idphoto.rules import background_findings, face_findings
from packshot.idphoto.spec import Spec

RGB8 = NDArray[np.uint8]

FARTHEST = 0.42  # of the frame's height: the crop of somebody standing farther away
BACKGROUND_SIDE = 160  # px, of the picture on which the background is judged
SPARE = 0.02  # of the frame by which the crop may miss it on a side
FIRST = (
    Rule.ONE_FACE,
    Rule.DISTANCE,
    Rule.CENTRING,
    Rule.HEAD_ROOM,
    Rule.TILT,
    Rule.EYES,
    Rule.EXPOSURE,
    Rule.LIGHT,
    Rule.BACKGROUND,
    Rule.BACKGROUND_EVENNESS,
    Rule.SHADOW,
    Rule.SHARPNESS,
)  # what is said first when several rules are broken


def guide(frame: RGB8, finder: FaceFinder, spec: Spec) -> Guidance:
    """Judge one live frame, (H, W, 3) uint8 sRGB, best at 640 px wide; never raises for what is in it."""
    faces = finder.find(frame, LIVE_SIDE)
    boxes = tuple(face.box for face in faces)
    if len(faces) != 1:
        message = "several_faces" if faces else "no_face"
        found = Finding(Rule.ONE_FACE, State.NOT_OK, message, float(len(faces)), "", 1.0, 1.0, 0.9)
        return Guidance(boxes, None, (found,), message, ready=False)
    head = measure_head(frame, None, faces[0])
    crop = frame_head(head, spec)
    findings = (
        Finding(Rule.ONE_FACE, State.OK, "one_face_ok", 1.0, "", 1.0, 1.0, 0.9),
        _distance(crop, frame),
        *_place(crop, frame),
        *face_findings(quality.face_patch(frame, faces[0]), faces[0], spec),
        *_behind(frame, head, spec),
    )
    broken = {finding.rule: finding for finding in findings if finding.state is not State.OK}
    blocking = [broken[rule] for rule in FIRST if rule in broken and _blocks(broken[rule])]
    message = blocking[0].message if blocking else "ready"
    return Guidance(boxes, head, findings, message, ready=not blocking, crop=crop.box)


def _blocks(finding: Finding) -> bool:
    return finding.state is State.NOT_OK


def _behind(frame: RGB8, head: Head, spec: Spec) -> list[Finding]:
    """The background's rules, on a small picture."""
    scale = min(1.0, BACKGROUND_SIDE / max(frame.shape[:2]))
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return background_findings(np.asarray(small, np.uint8), head.scaled(scale), None, spec)


def _distance(crop: Frame, frame: RGB8) -> Finding:
    """The crop's height as a share of the frame's, or of what the frame's width allows."""
    share = max(crop.height / frame.shape[0], crop.width / frame.shape[1])
    state = State.OK if FARTHEST <= share <= 1 else State.NOT_OK
    message = "distance_ok" if state is State.OK else "step_back" if share > 1 else "come_nearer"
    return Finding(Rule.DISTANCE, state, message, round(share, 3), "", FARTHEST, 1.0, 0.9)


def _place(crop: Frame, frame: RGB8) -> list[Finding]:
    """Whether the crop lies within the frame: how far it reaches over a side, as a share of the frame."""
    height, width = frame.shape[:2]
    aside = max(0.0, crop.left + crop.width - width) - max(0.0, -crop.left)
    upward = max(0.0, crop.top + crop.height - height) - max(0.0, -crop.top)
    return [
        _over(Rule.CENTRING, aside / width, ("move_right", "centring_ok", "move_left")),
        _over(Rule.HEAD_ROOM, upward / height, ("head_near_top", "head_room_ok", "head_far_from_top")),
    ]


def _over(rule: Rule, share: float, messages: tuple[str, str, str]) -> Finding:
    at = 0 if share < -SPARE else 2 if share > SPARE else 1
    state = State.OK if at == 1 else State.NOT_OK
    return Finding(rule, state, messages[at], round(share, 3), "", -SPARE, SPARE, 0.9)
