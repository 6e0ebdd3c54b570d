"""Ask a question and see the thinking, then ask about a picture, and read the events of a request as they come.

python examples/chat.py "what is 27 + 82?"
"""

import sys

import sancai
from sancai.engine import Request, TextDelta, ThinkingDelta, Usage

question = sys.argv[1] if len(sys.argv) > 1 else "what is 27 + 82?"
model = sancai.load()

answer = model.chat(question, think=True)
print("thinking:", answer.thinking)
print("answer:  ", answer.text)

picture = model.image("a skeleton walking right", seed=1)
print("picture: ", model.chat("which way does the character face?", pictures=picture).text)

for event in model.generate(Request(kind="chat", prompt=question, think=True)):
    if isinstance(event, ThinkingDelta | TextDelta):
        print(event.text, end="", flush=True)
    elif isinstance(event, Usage):
        print(f"\n{event.text_tokens} tokens in {event.seconds:.2f} s")
