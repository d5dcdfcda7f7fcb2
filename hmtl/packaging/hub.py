"""A package on the Hugging Face hub."""

from pathlib import Path

from hmtl.errors import UserError


def push(folder: Path, name: str, private: bool = False) -> str:
    """Uploads the files of a package, its card among them, to `name`, a `user/model` of the hub, which is made where
    there is none. Returns its address.

    # Raises

    UserError
        Where huggingface_hub is not installed, or the hub refuses: it asks for a token (`hf auth login`).
    """
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise UserError("--push needs the package huggingface_hub: pip install huggingface_hub") from None
    api = HfApi()
    try:
        address = api.create_repo(name, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=name, folder_path=folder, ignore_patterns=["__pycache__/*"], commit_message="hmtl package"
        )
    except Exception as error:  # of its own, of httpx or requests, and of the system, as releases have it
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"--push {name}: {reason}; the hub wants to know you: hf auth login") from error
    return str(address)
