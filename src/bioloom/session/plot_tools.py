"""What the mouse draws on a plot to select: lasso, polygon, rectangle, ellipse, brush, and a range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

Tool: TypeAlias = Literal["lasso", "polygon", "rectangle", "ellipse", "brush", "span"]
Place: TypeAlias = tuple[float, float]

TOOLS: tuple[Tool, ...] = ("lasso", "polygon", "rectangle", "ellipse", "brush", "span")

_CLICK_PIXELS = 4
_CLOSE_PIXELS = 8
_ELLIPSE_CORNERS = 96


@dataclass(frozen=True)
class Drawn:
    """What was drawn, in pixels of the screen.

    Attributes
    ----------
    tool : str
        What it was drawn with; "click" for a place alone.
    points : numpy.ndarray
        float64 (m, 2), x and y: the corners of a closed outline; the path of a brush; two ends of a span.
    """

    tool: Tool | Literal["click"]
    points: NDArray[np.float64]


class Drawing:
    """A shape that is being drawn.

    Attributes
    ----------
    brush_radius : float
        In pixels.
    """

    def __init__(self) -> None:
        self._tool: Tool = "lasso"
        self.brush_radius = 12.0
        self._points: list[Place] = []
        self._rubber: Place | None = None
        self._pressed = False

    @property
    def tool(self) -> Tool:
        """What is drawn with; another tool drops what was begun."""
        return self._tool

    @tool.setter
    def tool(self, tool: Tool) -> None:
        if tool not in TOOLS:
            raise InputError(f"There is no tool {tool!r}: it must be one of {', '.join(TOOLS)}.")
        self._tool = tool
        self.cancel()

    @property
    def active(self) -> bool:
        """Whether something was begun and is not finished yet."""
        return bool(self._points)

    def press(self, place: Place) -> Drawn | None:
        """Press the button: begin, or add a corner; a polygon is closed by a click on its first corner."""
        self._pressed = True
        if self._tool == "polygon" and self._points:
            if len(self._points) >= 3 and math.dist(place, self._points[0]) <= _CLOSE_PIXELS:
                return self.finish()
            if math.dist(place, self._points[-1]) > 1:
                self._points.append(place)
        else:
            self._points = [place]
        self._rubber = place
        return None

    def move(self, place: Place) -> bool:
        """Move the mouse; return whether the outline changed."""
        if not self._points:
            return False
        if self._tool in ("lasso", "brush"):
            if self._pressed and math.dist(place, self._points[-1]) >= 1:
                self._points.append(place)
        else:
            self._rubber = place
        return True

    def release(self, place: Place) -> Drawn | None:
        """Release the button: return what was drawn, or None for a polygon that goes on."""
        if not self._pressed or not self._points:
            return None
        self._pressed = False
        if self._tool == "polygon":
            return None
        self.move_last(place)
        reached = np.array([*self._points, self._rubber or place])
        if np.ptp(reached, axis=0).max() <= _CLICK_PIXELS and self._tool != "brush":
            first = np.array(self._points[:1], np.float64)
            self.cancel()
            return Drawn("click", first)
        return self.finish()

    def move_last(self, place: Place) -> None:
        """Let the shape end here."""
        if self._tool in ("lasso", "brush"):
            if place != self._points[-1]:
                self._points.append(place)
        else:
            self._rubber = place

    def finish(self) -> Drawn | None:
        """Close what was begun and return it; a polygon needs three corners, or it was a click."""
        outline = self.outline()
        n, first = len(self._points), self._points[:1]
        self.cancel()
        if not n:
            return None
        if self._tool == "polygon":
            if n < 3:
                return Drawn("click", np.array(first, np.float64)) if n == 1 else None
            outline = outline[:n]
        return Drawn(self._tool, outline)

    def back(self) -> None:
        """Take the last corner of a polygon back."""
        if self._tool == "polygon" and self._points:
            self._points.pop()

    def cancel(self) -> None:
        """Drop what was begun."""
        self._points, self._rubber, self._pressed = [], None, False

    def outline(self) -> NDArray[np.float64]:
        """Return what is drawn so far, float64 (m, 2); the polygon with the place of the mouse as its last corner."""
        if not self._points:
            return np.zeros((0, 2))
        if self._tool in ("lasso", "brush"):
            return np.array(self._points, np.float64)
        if self._tool == "polygon":
            corners = [*self._points, *([self._rubber] if self._rubber else [])]
            return np.array(corners, np.float64)
        (ax, ay), (bx, by) = self._points[0], self._rubber or self._points[0]
        if self._tool == "span":
            return np.array([(ax, ay), (bx, by)], np.float64)
        if self._tool == "rectangle":
            return np.array([(ax, ay), (bx, ay), (bx, by), (ax, by)], np.float64)
        angle = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
        return np.stack(
            [(ax + bx) / 2 + (bx - ax) / 2 * np.cos(angle), (ay + by) / 2 + (by - ay) / 2 * np.sin(angle)], axis=1
        )
