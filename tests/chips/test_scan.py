"""The source keeps the rules for model code; the scan sees what breaks them."""

import pytest

from chips.scan import HOST, scan, scan_all

BREACHES = {
    "x = torch.zeros(3)": 1, "x = torch.arange(n, device=d)": 1, "x = torch.ones(3, dtype=t)": 1,
    "x = y.to(torch.float64)": 2, "x = y.double()": 2, "x = torch.view_as_complex(y)": 2, "x = torch.fft.rfft(y)": 2,
    "x = y.item()": 4, "x = y.tolist()": 4, "x = y.cpu()": 4, "x = y.detach().numpy()": 4, "x = y.to('cpu')": 4,
    "x = y.to(device)": 4, "x = y.to(z.device)": 4, "x = y.to(device=d, dtype=t)": 4,
    "x = y.nonzero()": 5, "x = torch.masked_select(y, m)": 5, "x = y.unique()": 5, "x = y[y > 0]": 5, "x = y[~m]": 5,
    "x = y[:, is_real]": 5, "x = y[mask]": 5,
    "x = torch.linalg.eigh(y)": 6, "x = torch.cholesky(y)": 6,
    "x = torch.searchsorted(y, z)": 7, "x = torch._int_mm(y, z)": 7, "x = torch._grouped_mm(y, z)": 7,
    "x = y.masked_fill(m, float('-inf'))": 8, "x = torch.where(m, y, -math.inf)": 8,
    "torch.save(x, path)": 9,
    "x = y.cuda()": 10, "x = torch.device('npu:0')": 10,
}  # fmt: skip
SOUND = (
    "x = torch.zeros(3, device=d, dtype=t)", "x = to_host(y).tolist()", "x = packed.to(device)", "x = y.to(z.dtype)",
    "x = y.masked_fill(m, -1e30)", "x = y[:, columns]", "x = torch.linalg.vector_norm(y)", "x = np.zeros(3)",
    "x = y.repeat_interleave(n, 1)", "x = y.unsqueeze(-1).float()",
    "x = tl.where(m, y, float('-inf'))",
)  # fmt: skip


def test_the_package_keeps_the_rules() -> None:
    assert [str(f) for f in scan_all() if not f.is_judged] == []


def test_every_judged_breach_is_still_there() -> None:
    assert set(HOST) == {(f.path, f.function, f.rule) for f in scan_all() if f.is_judged}


@pytest.mark.parametrize(("line", "rule"), BREACHES.items())
def test_a_breach_is_seen(line: str, rule: int) -> None:
    source = f"def work(y, z, m, n, d, t, device, mask, is_real, path):\n    {line}\n"
    assert rule in {f.rule for f in scan(source, "model/planted.py")}


@pytest.mark.parametrize("line", SOUND)
def test_what_is_sound_passes(line: str) -> None:
    assert scan(f"def work():\n    {line}\n", "model/planted.py") == []
