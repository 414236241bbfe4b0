def page(svg: str, title: str) -> str:
    return svg
