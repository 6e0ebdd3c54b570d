"""Loss terms of one batch, each kept apart."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.device.transfer import to_device
from sancai.flow import flow_loss
from sancai.model import AuxiliaryLosses, Output, Transformer, has_next
from sancai.train.batch import Batch
from sancai.train.config import LossConfig

PLACES_MULTIPLE = 128


@dataclass(frozen=True)
class Totals:
    """What the means of a step run over, all batches together: weight of noisy tokens, learned text tokens, batches."""

    noisy: float
    text: int
    batches: int


@dataclass(frozen=True)
class Term:
    """One loss term of a batch.

    total: scalar, summed over what it counts.  scale: factor that makes it its part of the step's loss.
    """

    total: Tensor
    scale: float


def loss_terms(
    model: Transformer, batch: Batch, output: Output, aux: AuxiliaryLosses, config: LossConfig, totals: Totals
) -> dict[str, Term]:
    """Return the terms of one batch; Σ total · scale over the batches of a step is the step's loss.

    Args:
        batch: on the model's device.
    """
    terms: dict[str, Term] = {}
    text = config.text / max(totals.text, config.min_text_tokens)
    if batch.clean is not None and output.prediction is not None:
        terms["flow"] = Term(_flow(batch, output.prediction, config), 1 / max(totals.noisy, 1.0))
    if batch.text_tokens and output.hidden is not None:
        terms["text"] = Term(cross_entropy(model, output.hidden, batch.targets, batch.learn), text)
        if output.mtp_hidden is not None:
            terms["mtp"] = Term(cross_entropy(model, output.mtp_hidden, *ahead(batch)), text * config.mtp)
    if aux.balance:
        terms["balance"] = Term(torch.stack(aux.balance).mean(), config.balance / totals.batches)
    if aux.indexer:
        terms["indexer"] = Term(torch.stack(aux.indexer).mean(), config.indexer / totals.batches)
    return terms


def _flow(batch: Batch, prediction: Tensor, config: LossConfig) -> Tensor:
    """Return the weighted sum of the errors of all noisy tokens."""
    latents = batch.packed.latents
    assert batch.clean is not None and latents is not None and batch.sigma is not None and batch.weight is not None
    z = latents[:, batch.packed.num_committed :].to(prediction)
    errors = flow_loss(prediction, z, batch.clean.to(z), batch.sigma.to(z)[..., None], config.kind)
    return (errors * batch.weight.to(z)).sum()


def cross_entropy(model: Transformer, hidden: Tensor, targets: Tensor, learn: Tensor) -> Tensor:
    """Return the summed cross-entropy (nats) of hidden (B, T, D) where `learn` (B, T), on the host, is True.

    Only those places are turned into scores; their number is rounded up, so that shapes repeat.
    """
    places = learn.flatten().nonzero()[:, 0]
    count = len(places)
    places = to_device(F.pad(places, (0, -count % PLACES_MULTIPLE)), hidden.device)
    logits = model.logits(hidden.flatten(0, 1).index_select(0, places))
    losses = F.cross_entropy(logits, targets.flatten().index_select(0, places), reduction="none")
    return losses[:count].sum()


def ahead(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the targets two tokens on and where they count: next and next but one in the same run."""
    targets = F.pad(batch.packed.text_ids[:, 2:], (0, 2))
    learn = F.pad(batch.packed.learn[:, 2:], (0, 2)) & has_next(batch.packed.text, 2)
    return targets, learn
