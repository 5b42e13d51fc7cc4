"""Who stands before a page, and how they came there: a language, two cookies, a touch.

A page's links and forms carry the visitor's touch as `t`, so that a purchase says which article led to it.
Whoever only fetches ahead, asks for headers, or is a robot has not arrived: no touch, no cookie.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self, get_args
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from starlette.responses import Response

from services.storefront import usecases
from services.storefront.domain import Storefront, Touch, TouchKeys
from services.storefront.http.shield import ASKED_HEAD, PAGES
from services.storefront.http.surroundings import Surroundings
from services.storefront.http.words import Language, language_of
from services.storefront.usecases import Arrive
from shared.contracts.values import ContentId, EntryPoint, GroupId
from shared.kernel.http import Call
from shared.kernel.ids import age_seconds, new_id

VIEWER, BUYER = "wanpu_viewer", "wanpu_buyer"
COOKIE_SECONDS = 400 * 86_400  # the longest a browser keeps one
PARTY_CHARACTERS = 128  # as in a bearer token
ENTRY_POINTS: frozenset[str] = frozenset(get_args(EntryPoint))

_AHEAD = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_ROBOT = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|archiver|facebookexternalhit|embedly|whatsapp|preview|lighthouse|headlesschrome"
    r"|pingdom|uptime|monitor",
    re.IGNORECASE,
)
_SEARCH = re.compile(
    r"(^|\.)(google|bing|baidu|sogou|so|duckduckgo|yandex|ecosia|yahoo)\.[a-z.]+$|^(so|weixin\.sogou)\."
)
_ACCOUNTS = frozenset({"mp.weixin.qq.com", "weibo.com", "m.weibo.cn", "www.xiaohongshu.com"})


@dataclass(frozen=True, slots=True)
class Visit:
    """One opening of a page of one shop; `touch` is None for whoever has not arrived."""

    shop: Storefront
    language: Language
    keys: TouchKeys
    viewer_ref: str
    buyer_ref: str | None
    touch: Touch | None

    @classmethod
    def of(cls, call: Call, shop: Storefront, content_id: ContentId | None = None) -> Self:
        """The visit that this request is."""
        keys = Surroundings.of(call).keys
        viewer_ref = _sealed_cookie(call.request, keys, VIEWER) or new_id()
        buyer_ref = _sealed_cookie(call.request, keys, BUYER)
        language = language_of(call.request.headers.get("accept-language", ""))
        touch = _touch(call, shop, viewer_ref, content_id) if has_arrived(call.request) else None
        return cls(shop, language, keys, viewer_ref, buyer_ref, touch)

    @property
    def home(self) -> str:
        return f"{PAGES}{self.shop.slug}"

    def token(self, position: int | None = None) -> str:
        """The touch as a form or link carries it, empty when there is none; `position` is the listing's place."""
        if self.touch is None:
            return ""
        return self.keys.sign(self.touch if position is None else replace(self.touch, position=position))

    def link(self, path: str, position: int | None = None, **query: str) -> str:
        """An address inside this shop that carries the touch on."""
        token = self.token(position)
        asked = query | ({"t": token} if token else {})
        return f"{self.home}{path}" + (f"?{urlencode(asked)}" if asked else "")

    def remember(self, response: Response, call: Call, *, buyer_ref: str | None = None) -> None:
        """Set the cookies, unless nobody has arrived."""
        if self.touch is not None:
            self._set(response, call, VIEWER, self.viewer_ref)
        if buyer_ref is not None:
            self._set(response, call, BUYER, buyer_ref)

    def _set(self, response: Response, call: Call, name: str, ref: str) -> None:
        secure = Surroundings.of(call).settings.secure_cookies
        value = f"{ref}.{self.keys.seal(name, ref)}"
        response.set_cookie(name, value, COOKIE_SECONDS, path=PAGES, secure=secure, httponly=True, samesite="lax")


def has_arrived(request: Request) -> bool:
    """Whether somebody opened the page: not a prefetch, a HEAD, or a known robot."""
    if request.scope.get(ASKED_HEAD) or is_ahead(request):
        return False
    return not _ROBOT.search(request.headers.get("user-agent", ""))


def is_ahead(request: Request) -> bool:
    """Whether a browser fetches the page before anyone asked for it."""
    said = " ".join(request.headers.get(name, "") for name in _AHEAD).lower()
    return any(word in said for word in ("prefetch", "prerender", "preview"))


def _sealed_cookie(request: Request, keys: TouchKeys, name: str) -> str | None:
    ref, _, seal = request.cookies.get(name, "").partition(".")
    return ref if ref and keys.is_sealed(name, ref, seal) else None


def _touch(call: Call, shop: Storefront, viewer_ref: str, content_id: ContentId | None) -> Touch:
    settings = Surroundings.of(call).settings
    carried = touch_in(Surroundings.of(call).keys, call.request.query_params.get("t", ""), shop)
    if carried is not None and not carried.is_over:
        return usecases.carry_on(carried, viewer_ref, settings.touch_seconds, content_id)
    return usecases.issue_touch(shop, _arrival(call.request, viewer_ref, content_id), settings.touch_seconds)


def touch_in(keys: TouchKeys, token: str, shop: Storefront) -> Touch | None:
    """The touch in a link or form, if we signed it for this shop."""
    touch = keys.read(token) if token else None
    return touch if touch is not None and touch.storefront_id == shop.storefront_id else None


def _arrival(request: Request, viewer_ref: str, content_id: ContentId | None) -> Arrive:
    query = request.query_params
    shared_by = query.get("by", "")[:PARTY_CHARACTERS] or None
    group = query.get("g", "")
    group_id = GroupId(group) if age_seconds(group) is not None else None
    entry_point = _entry_point(request, shared=shared_by is not None, group=group_id is not None, article=content_id)
    return Arrive(entry_point, viewer_ref, content_id, None, group_id, shared_by)


def _entry_point(request: Request, *, shared: bool, group: bool, article: ContentId | None) -> EntryPoint:
    """What the link says (`?e=`), else what it carries, else where the browser says it comes from."""
    said = request.query_params.get("e", "")
    if said in ENTRY_POINTS:
        return said  # type: ignore[return-value]
    host = (urlsplit(request.headers.get("referer", "")).hostname or "") if not (shared or group) else ""
    ways: tuple[tuple[bool, EntryPoint], ...] = (
        (shared, "share"),
        (group, "group"),
        (bool(_SEARCH.search(host)), "search"),
        (host in _ACCOUNTS, "account"),
        (article is not None, "article"),
    )
    return next((way for holds, way in ways if holds), "direct")
