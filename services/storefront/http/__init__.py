"""The storefront's edge: the JSON surface, the pages, the buying path without JavaScript."""

from services.storefront.http import api, buying, pages
from services.storefront.http.rendering import error_page
from services.storefront.http.shield import Shield
from services.storefront.http.surroundings import lifespan
from shared.kernel.http import Routes

routes = Routes()
routes.declared = [*api.routes.declared, *pages.routes.declared, *buying.routes.declared]

__all__ = ["Shield", "error_page", "lifespan", "routes"]
