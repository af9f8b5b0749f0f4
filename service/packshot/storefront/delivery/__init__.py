"""From MQTT to the shop: claim an offer, gather its parts, upload once, record, send the receipt."""

from packshot.storefront.delivery.delivery import Delivery
from packshot.storefront.delivery.settings import DeliverySettings

__all__ = ["Delivery", "DeliverySettings"]
