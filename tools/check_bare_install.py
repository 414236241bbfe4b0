"""Check an installed tinyseq that has nothing but NumPy beside it: it differentiates, decodes, and asks for its extras.

PYTHON -I tools/check_bare_install.py        # -I: the installed package, not the one in this folder
"""

import argparse
import subprocess
import sys
from importlib.resources import files
from pathlib import Path


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    import tinyseq as ts

    assert Path(ts.__file__).is_relative_to(sys.prefix), f"{ts.__file__} is not the installed package"
    drawings = (
        "viz/assets/font/regular.ttf",
        "viz/assets/font/LICENSE",
        "viz/assets/font/fonts.conf",
        "viz/assets/page/page.html",
    )
    for name in ("py.typed", "__init__.pyi", "autograd/tensor_methods.pyi", *drawings):
        assert files("tinyseq").joinpath(name).is_file(), f"{name} is not in the wheel"

    x = ts.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.numpy().tolist() == [2.0, 4.0]

    hmm = ts.hmm.HMM(initial=[1.0, 0.0], transition=[[0.0, 1.0], [1.0, 0.0]], emission=[[1.0, 0.0], [0.0, 1.0]])
    assert list(hmm.viterbi([0, 1, 0]).path) == [0, 1, 0]

    from tinyseq.book import chapters, notebook

    assert [chapter.number for chapter in chapters()] == list(range(1, 17)), "the lecture book is not in the wheel"
    assert all(notebook(chapter) for chapter in chapters())

    command = subprocess.run([Path(sys.prefix, "bin", "tinyseq"), "demo"], capture_output=True, text=True, check=False)
    assert command.returncode != 0, "`tinyseq demo` cannot work without its extras"
    assert "pip install" in command.stderr, f"`tinyseq demo` does not say what to install:\n{command.stderr}"
    assert "Traceback" not in command.stderr, command.stderr
    print(f"{ts.__file__}: works with NumPy alone")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # not as_program: -I finds no module beside this file
