"""Pseudo-fakes: images made of real ones while a detector is trained, which it is to call fake.

One idea a file. Blends: :mod:`~mfclip_pseudo.self_blend`, :mod:`~mfclip_pseudo.swap_blend`. What
generators leave in the spectrum: :mod:`~mfclip_pseudo.upsample`, :mod:`~mfclip_pseudo.spectrum`,
:mod:`~mfclip_pseudo.autoencoder`.
"""
