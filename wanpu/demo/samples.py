"""The market of the demo: three suppliers, twenty products, five creators; names and prices of our own making."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CURRENCY = "CNY"
PIECES = 60  # of each variant: more than sixty orders ask for
SCARCE_PIECES = 5  # of the one variant that sells out


@dataclass(frozen=True, slots=True)
class Item:
    """A product with its variants, (spec, price in fen), and how many pieces of each are delivered."""

    sku: str
    title: str
    category: str
    variants: tuple[tuple[str, int], ...]
    text: str = ""
    pieces: int = PIECES
    kind: Literal["good", "service"] = "good"


@dataclass(frozen=True, slots=True)
class Deal:
    """An offer on some of a supplier's products; rates in parts per million, floors in percent of the list price."""

    kind: Literal["commission", "wholesale"]
    skus: tuple[str, ...]
    creator_ppm: int = 0
    floor_percent: int = 0


@dataclass(frozen=True, slots=True)
class Supplier:
    """Who organises goods; their products and what they offer creators."""

    name: str
    region: str
    items: tuple[Item, ...]
    deals: tuple[Deal, ...]


@dataclass(frozen=True, slots=True)
class Creator:
    """Who brings an audience; the article that makes people want a thing."""

    name: str
    channel: Literal["account", "group", "person"]
    slug: str
    headline: str
    story: str


TEA = Supplier(
    "云岭茶仓 Yunling Tea",
    "CN-YN",
    (
        Item("tea-puer-357", "古树普洱熟茶饼 Ripe Pu'er Cake", "tea", (("357 g", 16800),), "勐海发酵，三年干仓。"),
        Item("tea-jasmine-50", "茉莉银针 Jasmine Silver Needle", "tea", (("50 g", 8900), ("100 g", 16900))),
        Item("tea-dianhong-100", "滇红金芽 Golden Bud Black Tea", "tea", (("100 g", 7990),)),
        Item("tea-mandarin-8", "小青柑普洱 Mandarin Pu'er", "tea", (("8 pieces", 5800),), "一颗一泡，出差也方便。"),
        Item("tea-pitcher", "玻璃公道杯 Glass Pitcher", "teaware", (("300 ml", 3650),)),
        Item("tea-travel", "旅行茶具 Travel Tea Set", "teaware", (("one pot, three cups", 12900),)),
        Item(
            "tea-jianzhan",
            "手作建盏 Jian Tea Bowl",
            "teaware",
            (("hare's fur", 23900),),
            "A kiln yields few.",
            SCARCE_PIECES,
        ),
    ),
    (
        Deal("commission", ("tea-puer-357", "tea-jasmine-50", "tea-dianhong-100", "tea-mandarin-8"), 150_000),
        Deal("wholesale", ("tea-pitcher", "tea-travel", "tea-jianzhan"), floor_percent=70),
    ),
)
SEA = Supplier(
    "海屿鲜仓 Haiyu Coast Foods",
    "CN-ZJ",
    (
        Item("sea-shrimp-250", "舟山烤虾干 Roasted Shrimp", "seafood", (("250 g", 6600),), "晒足两天，开袋就吃。"),
        Item("sea-fishball-500", "手打鱼丸 Fish Balls", "seafood", (("500 g", 3990),)),
        Item("sea-croaker", "东海黄鱼鲞 Salted Croaker", "seafood", (("one, 350 g", 11800),)),
        Item("sea-nori", "头水紫菜脆 Crisp Laver", "snack", (("6 bags", 1990), ("20 bags", 5590))),
        Item("sea-crab", "蟹黄拌面酱 Crab Roe Sauce", "sauce", (("2 jars", 8800),)),
        Item("sea-gift", "海味礼盒 Seafood Gift Box", "gift", (("8 kinds", 29800),), "For the one who has all."),
    ),
    (
        Deal("wholesale", ("sea-shrimp-250", "sea-fishball-500", "sea-croaker"), floor_percent=75),
        Deal("commission", ("sea-nori", "sea-crab", "sea-gift"), 120_000),
    ),
)
WOOD = Supplier(
    "木作社 Muzuo Homeware",
    "CN-FJ",
    (
        Item("wood-board", "整块榉木砧板 Beech Cutting Board", "kitchen", (("38 x 26 cm", 9900),)),
        Item("wood-basket", "竹编收纳篮 Bamboo Basket", "home", (("small", 4500), ("medium", 6900))),
        Item("wood-apron", "水洗亚麻围裙 Linen Apron", "kitchen", (("grey", 7900), ("indigo", 7900))),
        Item("wood-bowls", "粗陶饭碗 Stoneware Bowls", "kitchen", (("set of four", 8600),)),
        Item("wood-candle", "桂花香薰蜡烛 Osmanthus Candle", "home", (("180 g", 6800),), "烧得完的秋天。"),
        Item("wood-throw", "羊毛盖毯 Wool Throw", "home", (("130 x 170 cm", 35900),)),
        Item("wood-kettle", "手冲细口壶 Pour-over Kettle", "kitchen", (("600 ml", 21900),)),
    ),
    (
        Deal("commission", ("wood-board", "wood-basket", "wood-apron", "wood-bowls"), 180_000),
        Deal("wholesale", ("wood-candle", "wood-throw", "wood-kettle"), floor_percent=68),
    ),
)
SUPPLIERS = (TEA, SEA, WOOD)
SCARCE = "tea-jianzhan"

CREATORS = (
    Creator("阿禾的茶桌", "account", "ahe-tea", "一张茶桌，三样东西", "下雨天不出门，把柜子里的茶都试了一遍。"),
    Creator("渔港小满", "group", "xiaoman-harbour", "潮水退了以后", "凌晨四点的码头，只买自己家也吃的。"),
    Creator("住在木头里", "account", "wooden-days", "用了三年还没换的器物", "好用的东西，会慢慢变成家里的一部分。"),
    Creator("Weekend Kitchen", "person", "weekend-kitchen", "Dinner for six, no sweat", "Buy less, buy it once."),
    Creator("小区团长老周", "group", "laozhou-group", "本周团购清单", "邻居们点名要的，都在这里。"),
)

ADDRESSES = (
    ("林晓", "CN-ZJ", "杭州市西湖区文三路 8 号"),
    ("陈一鸣", "CN-SH", "上海市徐汇区天平路 21 弄 5 号"),
    ("Anna Wu", "CN-GD", "Room 1204, 66 Tianhe Road, Guangzhou"),
    ("赵敏", "CN-BJ", "北京市东城区东四十条 12 号"),
    ("何川", "CN-SC", "成都市锦江区書院街 3 号"),
    ("Sun Yue", "CN-JS", "17 Pingjiang Lane, Suzhou"),
)
