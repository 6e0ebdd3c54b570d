"""The engine: a request in, a stream of events out.

Pictures and film are made block by block: denoising passes read the cache and leave it as it is, one commit pass
writes the finished block into it.  Text is decoded token by token.  A model that plans first writes a look, and
draws from a document that holds the look alone, so that a picture depends on its look and seed.
"""

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sancai.checkpoint import GenerationConfig, SamplingConfig
from sancai.device.platform import Platform
from sancai.device.transfer import module_to_device
from sancai.engine.clip import Clip
from sancai.engine.drawing import Drawing
from sancai.engine.look import LookVocabulary
from sancai.engine.planner import Continuation, Plan, Planner, TokenCounts
from sancai.engine.request import Announcement, Event, Progress, Request, Usage
from sancai.engine.runner import ModelRunner, text_tokens
from sancai.engine.token_sampler import TextAssembler, sample_token
from sancai.errors import ConfigError, RequestError
from sancai.model import Cache, Transformer
from sancai.ops.selection import select_backends
from sancai.sequence import Document, Text
from sancai.tokenizer import AnswerParser, Conversation, TextDelta, ThinkingDelta, Tokenizer, Writer

OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class _Job:
    """A picture or clip that is ready to be drawn: its request and plan, its length, and what the visual half reads."""

    request: Request
    plan: Plan
    frames: int
    conditional: Document
    unconditional: Document


class Engine:
    """One model on one device.

    Args:
        generation: what the model folder says about its weights.
        looks: the phrases of looks; needed by models that plan, and for requests with a look.
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        platform: Platform,
        generation: GenerationConfig | None = None,
        looks: LookVocabulary | None = None,
    ) -> None:
        self.generation = generation or GenerationConfig()
        if self.generation.plan and looks is None:
            raise ConfigError("this model plans what it draws, but has no looks.json; put the file beside its weights")
        self.model, self.tokenizer, self.platform, self.looks = prepare(model, platform), tokenizer, platform, looks
        self.runner = ModelRunner(self.model, tokenizer, self.generation)
        self.planner = Planner(self.runner, looks) if looks is not None else None

    @torch.no_grad()
    def generate(self, request: Request) -> Iterator[Event]:
        """Yield the events of one request, `Usage` last.

        A picture or clip is one `Clip`.  A planning model may say something about it; where it declines, text is all.
        """
        started, counts = time.monotonic(), TokenCounts()
        yield from self._chat(request, counts) if request.kind == "chat" else self._draw(request, counts)
        yield Usage(counts.prompt, counts.text, counts.visual, time.monotonic() - started)

    @torch.no_grad()
    def plan(self, request: Request) -> Plan:
        """Return what a planning model would draw for a request, without drawing it."""
        return self._plan(request, TokenCounts())

    @torch.no_grad()
    def draw(self, requests: Sequence[Request], on_step: OnStep | None = None) -> list[Clip | None]:
        """Make several pictures or clips, those of equal length and settings together in one batch.

        Returns: one clip a request, the same as each would be alone up to rounding; None where the model declined.

        Args:
            on_step: called with the denoising steps done and all steps, of each batch.
        """
        counts = TokenCounts()
        plans = [self._plan(request, counts) for request in requests]
        batches: dict[tuple[int, SamplingConfig], dict[int, _Job]] = defaultdict(dict)
        for number, (request, plan) in enumerate(zip(requests, plans, strict=True)):
            if plan.look is not None or not self._plans(request):
                job = self._job(request, plan)
                batches[job.frames, self._sampling(request)][number] = job
        clips: dict[int, Clip] = {}
        for batch in batches.values():
            drawing = self._begin(list(batch.values()), counts)
            while not drawing.is_done:
                drawing.step()
                if on_step:
                    on_step(drawing.steps_done, drawing.steps)
            made = zip(batch.items(), drawing.pictures(), strict=True)
            clips |= {number: self._clip(job, frames) for (number, job), frames in made}
        return [clips.get(number) for number in range(len(requests))]

    # -- pictures and film --------------------------------------------------------------------

    def _draw(self, request: Request, counts: TokenCounts) -> Iterator[Event]:
        """Plan where the model plans, then make one picture or clip."""
        plan = self._plan(request, counts)
        if self._plans(request):
            if plan.seen is not None:
                yield ThinkingDelta(plan.seen.text + "\n")
            if plan.look is None:
                yield TextDelta(plan.answer)
                return
            yield ThinkingDelta(plan.look.text)
            if plan.answer:
                yield TextDelta(plan.answer)
        job = self._job(request, plan)
        drawing = self._begin([job], counts)
        yield from self._progress(drawing, counts)
        yield self._clip(job, drawing.pictures()[0])

    def _progress(self, drawing: Drawing, counts: TokenCounts) -> Iterator[Progress]:
        """Take a drawing to its end, step by step."""
        while not drawing.is_done:
            drawing.step()
            yield Progress(drawing.steps_done, drawing.steps)
        counts.visual += drawing.visual_tokens

    def _plans(self, request: Request) -> bool:
        """Return whether the model writes a look for this request."""
        return self.generation.plan and request.look is None

    def _plan(self, request: Request, counts: TokenCounts) -> Plan:
        """Return the look that a request gives, or that the model writes for it; none for models without looks."""
        if request.look is not None:
            if not self.generation.plan or self.looks is None:
                raise RequestError("this model draws from prompts, not from looks; leave the look out")
            return Plan(self.looks.parse(request.look))
        if self.generation.plan and self.planner is not None:
            return self.planner.plan(request, counts)
        return Plan(None)

    def _job(self, request: Request, plan: Plan) -> _Job:
        """Return what is to be drawn and the documents that ask for it, with and without its words."""
        text = request.prompt if plan.look is None else plan.look.text
        frames = self._frames(request, text)
        if plan.look is None:
            words = self.generation.normalize_prompt(request.prompt)
            asked = [self._prompt_document(request, w, frames) for w in (words, "")]
        else:
            asked = [self._look_document(request, w, frames) for w in (plan.look.text, "")]
        return _Job(request, plan, frames, *asked)

    def _frames(self, request: Request, text: str) -> int:
        """Return how many frames a request makes.

        Raises:
            RequestError: more than the model was taught.
        """
        if request.kind == "image":
            return 1
        action = self.generation.actions.get(self.generation.find_action(text) or "")
        frames = request.frames or (action and action.frames) or self.generation.frames
        if frames > self.runner.max_frames:
            raise RequestError(
                f"frames is {frames}; this model makes clips of 1 to {self.runner.max_frames} frames, "
                "and the body would change after that: choose fewer"
            )
        return frames

    def _prompt_document(self, request: Request, words: str, frames: int) -> Document:
        """Return the document that asks for frames in words."""
        writer = Writer(self.tokenizer).user([*self.runner.picture_blocks(request.pictures), words])
        return writer.assistant().announce(min(frames, self.runner.block_frames)).finish()

    def _look_document(self, request: Request, look: str, frames: int) -> Document:
        """Return the document that asks for frames by a look: no words of the user, but the pictures."""
        writer = Writer(self.tokenizer)
        if request.pictures:
            writer.user(self.runner.picture_blocks(request.pictures))
        return writer.assistant(think=look).announce(min(frames, self.runner.block_frames)).finish()

    def _begin(self, jobs: Sequence[_Job], counts: TokenCounts) -> Drawing:
        """Return the drawing of jobs of equal length and settings, at its first step."""
        self.runner.latent_shape(1)  # a text model is refused before anything is read
        sampling = self._sampling(jobs[0].request)
        documents = [job.conditional for job in jobs]
        counts.prompt += sum(map(text_tokens, documents))
        if sampling.guidance != 1:
            documents += [job.unconditional for job in jobs]
        cache, _ = self.runner.prefill(documents)
        return Drawing(self.runner, cache, jobs[0].frames, sampling, [job.request.seed for job in jobs])

    def _clip(self, job: _Job, frames: np.ndarray) -> Clip:
        """Return finished frames with what is known about them."""
        request, sampling = job.request, self._sampling(job.request)
        look = job.plan.look.text if job.plan.look is not None else ""
        action = self.generation.find_action(look or request.prompt) or ""
        metadata = {
            "prompt": request.prompt, "kind": request.kind, "seed": request.seed, "steps": sampling.steps,
            "guidance": sampling.guidance, "sampler": sampling.sampler,
        }  # fmt: skip
        said = {"look": look, "answer": job.plan.answer}
        metadata |= {name: text for name, text in said.items() if text}
        loops = bool(action) and self.generation.actions[action].loops
        return Clip(frames, look, metadata, action, loops)

    def _sampling(self, request: Request) -> SamplingConfig:
        return request.sampling or self.generation.sampling

    # -- text ---------------------------------------------------------------------------------

    def _chat(self, request: Request, counts: TokenCounts) -> Iterator[Event]:
        """Answer in text, and say where the model announces a picture; draw it if the request wants that."""
        tok, sampling = self.tokenizer, self._sampling(request)
        text, parser = self._question(request, counts)
        cache, logits = text.cache, text.logits
        generator = torch.Generator().manual_seed(request.seed)
        assembler, thought = TextAssembler(tok.token_bytes), list[str]()
        for _ in range(sampling.max_tokens):
            token = sample_token(logits[0], sampling.temperature, generator)
            counts.text += 1
            if token in (tok.eos, tok.visual):
                break
            control = tok.control_of(token)
            said = parser.feed(assembler.add(token) if control is None else assembler.finish())
            for delta in [*said, *(parser.feed(control) if control is not None else [])]:
                thought += [delta.text] if isinstance(delta, ThinkingDelta) else []
                yield delta
            cache, logits = self.runner.decode(cache, [token])
        yield from parser.feed(assembler.finish())
        yield from parser.finish()
        if token == tok.visual:
            yield from self._announced(cache, request, "".join(thought), counts)

    def _question(self, request: Request, counts: TokenCounts) -> tuple[Continuation, AnswerParser]:
        """Return what is asked, read by the model, and what reads its answer."""
        if request.conversation is not None:
            talk = self._normalize(request.conversation)
            return self._read([Text(ids=self.tokenizer.encode_conversation(talk))], counts), AnswerParser.after(
                talk, is_spelled=False
            )
        think = self.generation.think if request.think is None else request.think
        words = self.generation.normalize_prompt(request.prompt)
        writer = Writer(self.tokenizer).user([*self.runner.picture_blocks(request.pictures), words])
        writer = writer.turn() if think == "auto" else writer.assistant(opens_thinking=bool(think))
        text = self._read(writer.finish(), counts)
        thinks = text.choose_thinking() if think == "auto" else bool(think)
        return text, AnswerParser(thinking=thinks, reads_calls=False, is_spelled=False)

    def _read(self, document: Document, counts: TokenCounts) -> Continuation:
        counts.prompt += text_tokens(document)
        return Continuation(self.runner, document, temperature=0.0)

    def _normalize(self, talk: Conversation) -> Conversation:
        """Return a conversation as training wrote them."""
        effort = talk.effort or self.generation.effort
        if not self.generation.lower_case:
            return dataclasses.replace(talk, effort=effort)
        messages = [dataclasses.replace(m, content=self.generation.normalize_prompt(m.content)) for m in talk.messages]
        return dataclasses.replace(talk, messages=messages, effort=effort)

    def _announced(self, cache: Cache, request: Request, thought: str, counts: TokenCounts) -> Iterator[Event]:
        """Tell what the model itself announced, and draw it if the request wants that."""
        cache, logits = self.runner.decode(cache, [self.tokenizer.visual])
        word = self.tokenizer.decode([sample_token(logits[0], 0.0)])
        frames = min(int(word) if word.isdigit() and word != "0" else 1, self.runner.max_frames)
        yield Announcement(frames)
        if not request.draws:
            return
        words = request.conversation.messages[-1].content if request.conversation else request.prompt
        asked = dataclasses.replace(
            request, kind="image" if frames == 1 else "video", prompt=words, conversation=None, frames=frames
        )
        if self.generation.plan:
            yield from self._draw(self._with_look(asked, thought), counts)
            return
        cache, _ = self.runner.decode(cache, self.tokenizer.encode(str(frames)))
        drawing = Drawing(self.runner, cache, frames, self._sampling(request), [request.seed])
        yield from self._progress(drawing, counts)
        yield self._clip(_Job(asked, Plan(None), frames, [], []), drawing.pictures()[0])

    def _with_look(self, request: Request, thought: str) -> Request:
        """Return a request with the look that the model has thought of, if it is one."""
        try:
            return dataclasses.replace(request, look=self.looks.parse(thought).text if self.looks else None)
        except RequestError:
            return request


def prepare(model: Transformer, platform: Platform) -> Transformer:
    """Place a model for inference, and choose its kernels."""
    module_to_device(model, platform.device)
    model.eval().requires_grad_(False)
    model.compute_dtype = platform.dtype
    select_backends(platform.device, platform.dtype)
    return model
