"""What whoever installed a plugin can do when it does not work."""

from __future__ import annotations


def remedy(distribution: str, error: BaseException | None = None) -> str:
    """The next step after a fault of this distribution, by the error where there was one."""
    if isinstance(error, ModuleNotFoundError | ImportError) and error.name:
        package = error.name.partition(".")[0]
        if package == "mfclip":
            return other_version(distribution)
        if isinstance(error, ModuleNotFoundError):
            return f"install what has the module '{package}', or {switch_off(distribution)}"
    if distribution == "mfclip":
        return "pip install --force-reinstall mfclip"
    return report(distribution)


def report(distribution: str) -> str:
    """The next step where only the author can mend it."""
    if distribution == "mfclip":
        return "report it to the authors of mfclip"
    return f"tell the author of {distribution}; until then {switch_off(distribution)}"


def other_version(distribution: str) -> str:
    """The next step where a plugin and mfclip do not fit each other."""
    return f"pip install --upgrade mfclip {distribution}, or {switch_off(distribution)}"


def switch_off(distribution: str) -> str:
    """How to go on without a distribution that stays installed."""
    return f'switch it off in a registry file: [plugins] disabled = ["{distribution}"]'
