"""A hook of mkdocs: diagrams in mermaid are drawn by the copy that ``tools/mermaid`` has fetched.

Without that copy they stay text, and nothing is looked for on other servers.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pymdownx.superfences import fence_code_format

MERMAID = Path(__file__).resolve().parent.parent / "build" / "mermaid.min.js"
SITE = "assets/javascripts/mermaid.min.js"


def on_config(config: Any) -> None:
    """Have blocks in mermaid drawn, where it is there."""
    if MERMAID.exists():
        fence = {"name": "mermaid", "class": "mermaid", "format": fence_code_format}
        config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Load mermaid on pages that have such a block: it is large."""
    if '<pre class="mermaid">' not in output:
        return output
    source = "../" * page.url.count("/") + SITE
    return output.replace("</head>", f'<script src="{source}"></script></head>', 1)


def on_post_build(config: Any) -> None:
    """Put it into the site."""
    if MERMAID.exists():
        target = Path(config.site_dir, SITE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(MERMAID, target)
