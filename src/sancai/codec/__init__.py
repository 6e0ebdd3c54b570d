"""Visual codecs: pictures ↔ latents."""

from sancai.codec.pixel import PixelCodec

__all__ = ["PixelCodec"]
