"""What the pages say of themselves, in Chinese and English; what creators and suppliers write stays as written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["zh", "en"]

_SAID: Mapping[str, tuple[str, str]] = {
    "shop": ("店铺", "Shop"),
    "reads": ("文章", "Articles"),
    "goods": ("商品", "For sale"),
    "empty": ("这里还没有商品。", "Nothing is for sale here yet."),
    "more": ("更多", "More"),
    "back": ("返回店铺", "Back to the shop"),
    "few": ("仅剩少量", "Only a few left"),
    "sold_out": ("已售罄", "Sold out"),
    "off_sale": ("商品已下架", "No longer on sale"),
    "sold_by": ("供货", "Supplied by"),
    "order": ("下单", "Order"),
    "submit": ("提交订单", "Place order"),
    "at_price": ("按新价格下单", "Order at the new price"),
    "qty": ("数量", "Quantity"),
    "name": ("收货人", "Name"),
    "phone": ("手机号", "Phone"),
    "region": ("省份", "Province"),
    "choose": ("请选择", "Choose"),
    "address": ("详细地址", "Address"),
    "payment": ("付款方式", "Payment"),
    "cod": ("货到付款", "Cash on delivery"),
    "prepaid": ("在线支付", "Pay online now"),
    "bookable_later": ("此服务需要预约，网上预约即将开放。", "This service needs a booking; booking opens here soon."),
    "kind_article": ("文章", "Article"),
    "kind_post": ("动态", "Post"),
    "kind_live": ("直播", "Live"),
    "kind_video": ("视频", "Video"),
    "bad_qty": ("请填写 1 到 99 的数量。", "Give a quantity from 1 to 99."),
    "bad_name": ("请填写收货人姓名。", "Tell us who receives the parcel."),
    "bad_phone": ("请填写能接通的手机号。", "Give a phone number the courier can call."),
    "bad_region": ("请选择可配送的省份。", "Choose a province from the list."),
    "bad_address": ("请填写详细地址。", "Give street, house and door."),
    "bad_payment": ("请选择付款方式。", "Choose how to pay."),
    "bad_form": ("请更正标出的内容，订单尚未提交。", "Please correct what is marked; nothing was ordered."),
    "out_of_stock": (
        "这件商品刚刚不够了，没有下单。可以减少数量再试。",
        "There is not enough of this left, so nothing was ordered. A smaller quantity may work.",
    ),
    "out_of_stock_none": ("这件商品刚刚售罄，没有下单。", "This has just sold out, so nothing was ordered."),
    "price_changed": ("价格刚刚变动，尚未下单。现在是", "The price has just changed; nothing was ordered. It is now"),
    "cod_not_available": (
        "这件商品不支持货到付款，请选择在线支付。",
        "This can't be paid on delivery; please choose to pay online.",
    ),
    "region_not_served": ("这件商品不配送到该省份。", "This is not delivered to that province."),
    "limit_exceeded": ("一次不能买这么多，请减少数量。", "That is more than one order may hold; please order fewer."),
    "not_ready": (
        "商品刚刚上架，请稍等片刻再提交。",
        "This was listed a moment ago; please wait a second and try again.",
    ),
    "unknown_listing": ("商品已下架，没有下单。", "This is no longer on sale; nothing was ordered."),
    "busy": (
        "现在人很多，请稍后再提交，不会重复下单。",
        "It is busy just now. Try again in a moment; it won't order twice.",
    ),
    "unsure": (
        "没有收到订单系统的答复。请再次提交：同一订单不会重复。",
        "We had no answer about your order. Please submit again: the same order is never placed twice.",
    ),
    "refused": ("订单没有被接受，请检查填写的内容。", "The order was not accepted; please check what you filled in."),
    "your_order": ("您的订单", "Your order"),
    "order_no": ("订单号", "Order number"),
    "total": ("合计", "Total"),
    "pay_now": ("去支付", "Pay now"),
    "pay_before": ("请在此之前支付", "Please pay before"),
    "enter_code": (
        "请输入手机收到的验证码，确认货到付款订单。",
        "Enter the code sent to your phone to confirm the order.",
    ),
    "code": ("验证码", "Code"),
    "confirm": ("确认订单", "Confirm order"),
    "wrong_code": ("验证码不对，请重新输入。", "That code is not right; please try again."),
    "no_more_tries": ("验证码输错次数太多，请重新下单。", "Too many wrong codes; please place a new order."),
    "not_confirmed": ("暂时无法确认，请刷新订单状态。", "It can't be confirmed just now; please look at its state."),
    "look_again": ("查看最新状态", "See its latest state"),
    "your_ref": ("买家编号", "Your buyer number"),
    "keep": ("订单保存在这台设备的浏览器里。", "This device's browser remembers the order."),
    "state_PLACED": ("待确认", "Waiting to be confirmed"),
    "state_CONFIRMED": ("已确认，准备发货", "Confirmed, getting ready to ship"),
    "state_FULFILLED": ("已送达", "Delivered"),
    "state_COMPLETED": ("已完成", "Completed"),
    "state_EXPIRED": ("已过期，未扣款", "Expired; nothing is due"),
    "state_CANCELLED": ("已取消", "Cancelled"),
    "state_CLOSED": ("已关闭", "Closed"),
    "cod_on_delivery": ("快递员送达时收款。", "You pay the courier at the door."),
    "gone": ("这个页面不存在，或者已经下架。", "There is nothing here, or it is no longer on sale."),
    "went_wrong": ("出了点问题，请稍后再试。", "Something went wrong on our side; please try again in a moment."),
    "cannot": ("这个请求无法处理，请返回重试。", "This can't be done like that; please go back and try again."),
}
WORDS: Mapping[Language, Mapping[str, str]] = {
    "zh": {key: zh for key, (zh, _) in _SAID.items()},
    "en": {key: en for key, (_, en) in _SAID.items()},
}

# ISO 3166-2:CN, the mainland's; a supplier that delivers elsewhere names its regions, and those are shown by code.
REGIONS: Mapping[str, tuple[str, str]] = {
    "CN-AH": ("安徽", "Anhui"),
    "CN-BJ": ("北京", "Beijing"),
    "CN-CQ": ("重庆", "Chongqing"),
    "CN-FJ": ("福建", "Fujian"),
    "CN-GD": ("广东", "Guangdong"),
    "CN-GS": ("甘肃", "Gansu"),
    "CN-GX": ("广西", "Guangxi"),
    "CN-GZ": ("贵州", "Guizhou"),
    "CN-HA": ("河南", "Henan"),
    "CN-HB": ("湖北", "Hubei"),
    "CN-HE": ("河北", "Hebei"),
    "CN-HI": ("海南", "Hainan"),
    "CN-HL": ("黑龙江", "Heilongjiang"),
    "CN-HN": ("湖南", "Hunan"),
    "CN-JL": ("吉林", "Jilin"),
    "CN-JS": ("江苏", "Jiangsu"),
    "CN-JX": ("江西", "Jiangxi"),
    "CN-LN": ("辽宁", "Liaoning"),
    "CN-NM": ("内蒙古", "Inner Mongolia"),
    "CN-NX": ("宁夏", "Ningxia"),
    "CN-QH": ("青海", "Qinghai"),
    "CN-SC": ("四川", "Sichuan"),
    "CN-SD": ("山东", "Shandong"),
    "CN-SH": ("上海", "Shanghai"),
    "CN-SN": ("陕西", "Shaanxi"),
    "CN-SX": ("山西", "Shanxi"),
    "CN-TJ": ("天津", "Tianjin"),
    "CN-XJ": ("新疆", "Xinjiang"),
    "CN-XZ": ("西藏", "Xizang"),
    "CN-YN": ("云南", "Yunnan"),
    "CN-ZJ": ("浙江", "Zhejiang"),
}


def language_of(accepted: str) -> Language:
    """The language a browser prefers (`Accept-Language`), English when it says neither."""
    wishes: list[tuple[float, int, Language]] = []
    for place, part in enumerate(accepted.lower().split(",")[:20]):
        tag, _, weight = part.strip().partition(";q=")
        primary = tag.partition("-")[0].strip()
        if primary in ("zh", "en"):
            wishes.append((-_weight(weight), place, "zh" if primary == "zh" else "en"))
    return min(wishes)[2] if wishes else "en"


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


def regions_for(served: tuple[str, ...], language: Language) -> list[tuple[str, str]]:
    """Codes and names a buyer may choose: those the supplier serves, or all."""
    names = ((code, REGIONS.get(code, (code, code))) for code in (served or REGIONS))
    return [(code, name[0] if language == "zh" else name[1]) for code, name in names]
