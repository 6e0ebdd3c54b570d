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
    """What each mean of a step runs over: the weight of its noisy tokens, its text tokens, its batches."""

    noisy: float
    text: int
    batches: int


def loss_terms(
    model: Transformer, batch: Batch, output: Output, aux: AuxiliaryLosses, config: LossConfig, totals: Totals
) -> dict[str, Tensor]:
    """Return weighted terms whose sum over a step's batches is the step's loss; the batch lies beside the model."""
    terms: dict[str, Tensor] = {}
    if batch.clean is not None and output.prediction is not None:
        split, latents = batch.packed.num_committed, batch.packed.latents
        assert latents is not None and batch.sigma is not None and batch.weight is not None
        z = latents[:, split:].to(output.prediction)
        errors = flow_loss(output.prediction, z, batch.clean.to(z), batch.sigma.to(z)[..., None], config.kind)
        terms["flow"] = (errors * batch.weight.to(z)).sum() / max(totals.noisy, 1.0)
    if batch.text_tokens and output.hidden is not None:
        share = config.text / max(totals.text, config.least_text)
        terms["text"] = share * cross_entropy(model, output.hidden, batch.targets, batch.learn)
        if output.mtp_hidden is not None:
            terms["mtp"] = share * config.mtp * cross_entropy(model, output.mtp_hidden, *ahead(batch))
    if aux.balance:
        terms["balance"] = config.balance * torch.stack(aux.balance).mean() / totals.batches
    if aux.indexer:
        terms["indexer"] = config.indexer * torch.stack(aux.indexer).mean() / totals.batches
    return terms


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
