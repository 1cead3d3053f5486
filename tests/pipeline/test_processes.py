"""Several processes, also forked from one whose thread pool has run."""

import multiprocessing
import subprocess
import sys

import pytest

from .toy import TEXTS, annotations, initialize, make_nlp, toy_examples, train

SCRIPT = """
import multiprocessing, sys
import spacy, torch

if __name__ == "__main__":
    torch.set_num_threads(2)
    method, folder, *texts = sys.argv[1:]
    multiprocessing.set_start_method(method)
    nlp = spacy.load(folder)
    texts = [" ".join(texts * 50)] * 8
    docs = [list(nlp.pipe(texts)), list(nlp.pipe(texts, n_process=2, batch_size=4))]
    first, second = [[[(t.tag_, t.ent_iob_, t.ent_type_) for t in doc] for doc in run] for run in docs]
    assert first == second and any(ent for doc in docs[1] for ent in doc.ents)
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_give_the_same_annotations(method, tmp_path):
    nlp = initialize(make_nlp("shared"))
    train(nlp, toy_examples(nlp))
    assert any(label for doc in annotations(nlp.pipe(TEXTS)) for _, _, label in doc)
    nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf8")
    command = [sys.executable, str(tmp_path / "script.py"), method, str(tmp_path / "pipeline"), *TEXTS]
    subprocess.run(command, check=True, timeout=120)
