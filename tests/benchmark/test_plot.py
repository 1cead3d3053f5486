"""Line charts as SVG."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from spacy_seqtag.benchmark.plot import HEIGHT, WIDTH, Chart, draw

SVG = "{http://www.w3.org/2000/svg}"
positive = st.floats(1e-3, 1e9)


@given(st.dictionaries(st.text("ab<&\"'>é"), st.lists(st.tuples(positive, positive), max_size=4), max_size=3))
def test_every_point_is_on_its_chart(lines):
    root = ElementTree.fromstring(draw([Chart("speed <&>", "words", lines)] * 3))
    charts = root.findall(f"{SVG}g")
    assert len(charts) == 3
    for chart in charts:
        points = chart.findall(f"{SVG}circle")
        assert len(points) == sum(map(len, lines.values()))
        for point in points:
            assert 0 < float(point.get("cx")) < WIDTH
            assert 0 < float(point.get("cy")) < HEIGHT
    assert {*lines} <= {text.text or "" for text in root.findall(f"{SVG}text")}


def test_more_is_further_right_and_higher():
    root = ElementTree.fromstring(draw([Chart("speed", "words", {"a": [(10, 100), (1000, 10_000), (100_000, 50)]})]))
    x, y = zip(*[(float(p.get("cx")), float(p.get("cy"))) for p in root.iter(f"{SVG}circle")], strict=True)
    assert x[0] < x[1] < x[2]
    assert x[1] - x[0] == x[2] - x[1]
    assert y[1] < y[0] < y[2]
