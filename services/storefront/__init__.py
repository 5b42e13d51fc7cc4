"""The storefront service: creators, their shops, what is listed there, who brought the buyer."""
