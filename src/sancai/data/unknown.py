"""Questions outside what the model knows, each with one honest sentence.

question, answer = unknown(rng)
question, answer = unknown(rng, held_out=True)     # from a part that training never sees, by a fixed hash
"""

import random
import zlib

from sancai.data.spelling import as_typed

TEMPLATE_IN = 7
QUESTION_IN = 8
"""One in so many templates, and one in so many questions of the others, is kept for testing."""

LISTS: dict[str, str] = {
    "country": (
        "france|germany|japan|brazil|canada|italy|spain|china|india|kenya|egypt|norway|sweden|poland|turkey|"
        "mexico|argentina|chile|peru|australia|new zealand|thailand|vietnam|greece|portugal|ireland|finland|"
        "denmark|russia|ukraine|nigeria|morocco|iran|iraq|israel|cuba|colombia|austria|switzerland|belgium|"
        "hungary|romania|the uk|the usa|south korea"
    ),
    "city": (
        "london|paris|berlin|tokyo|new york|beijing|madrid|rome|moscow|cairo|sydney|mumbai|shanghai|toronto|"
        "chicago|vienna|lisbon|oslo|dublin|athens|prague|seoul|bangkok|lima|boston|hamburg|my town"
    ),
    "person": (
        "napoleon|einstein|mozart|beethoven|newton|shakespeare|cleopatra|caesar|darwin|gandhi|lincoln|picasso|"
        "tesla|marie curie|columbus|galileo|mandela|bach|van gogh|aristotle|confucius|elvis|michael jackson|"
        "messi|obama"
    ),
    "language": (
        "python|javascript|java|c++|rust|go|html|sql|bash|php|ruby|swift|kotlin|typescript"
    ),
    "task": (
        "sort a list|reverse a string|read a file|connect to a database|print hello world|find prime numbers|"
        "parse json|download a page|compute fibonacci numbers|make a web server|train a neural network|"
        "sum two columns|draw a circle"
    ),
    "topic": (
        "quantum physics|photosynthesis|black holes|inflation|the french revolution|world war two|blockchain|"
        "relativity|evolution|dna|gravity|electricity|volcanoes|philosophy|the stock market|climate change|"
        "democracy|vaccines|the roman empire|the big bang|machine learning|the immune system|plate tectonics|"
        "jazz|taxes|bitcoin"
    ),
    "illness": (
        "a headache|a fever|a cold|back pain|a broken arm|the flu|diabetes|a sore throat|stomach ache|"
        "an allergy|high blood pressure|insomnia|a toothache|a rash|a cough"
    ),
    "food": (
        "pancakes|pizza|spaghetti|bread|soup|chocolate cake|sushi|curry|an omelette|apple pie|tacos|risotto|"
        "cookies"
    ),
    "phrase": (
        "good morning|i love you|where is the station|thank you|how are you|the cat is black|see you tomorrow|"
        "one beer please"
    ),
    "tongue": (
        "german|french|spanish|chinese|japanese|italian|russian|arabic|latin|korean|dutch|polish|hindi|swedish"
    ),
    "thing": (
        "my car|my phone|a bicycle|my computer|the washing machine|my printer|a window|the router|"
        "a leaking tap|my bike"
    ),
    "team": (
        "real madrid|barcelona|the lakers|the yankees|bayern munich|arsenal|brazil|juventus|liverpool|the bulls"
    ),
    "book": (
        "hamlet|war and peace|moby dick|the odyssey|pride and prejudice|1984|faust|don quixote|the hobbit|"
        "dracula|emma"
    ),
    "film": (
        "titanic|star wars|the godfather|jaws|casablanca|the matrix|frozen|avatar|inception|psycho"
    ),
    "animal": (
        "a blue whale|an elephant|a cat|a dog|a turtle|a parrot|a shark|a bee|a mouse|a horse|a giraffe|"
        "a spider"
    ),
    "event": (
        "the first world war|the moon landing|the french revolution|the fall of rome|the black death|"
        "the cold war|the american civil war|the renaissance|the olympics"
    ),
    "unit": (
        "miles|kilometers|pounds|ounces|inches|gallons|celsius|fahrenheit|euros|dollars"
    ),
    "writing": (
        "an essay|a poem|an email to my boss|a cover letter|a speech|a song|a report|a blog post|a resume|"
        "a contract|a love letter|a haiku|a press release|a novel"
    ),
    "feeling": (
        "sad|lonely|tired|bored|angry|anxious|stressed|in love|happy|confused|old"
    ),
    "job": (
        "doctor|lawyer|pilot|teacher|nurse|programmer|chef|plumber|dentist|firefighter"
    ),
    "planet": (
        "mars|the moon|jupiter|the sun|venus|saturn|pluto|mercury|the nearest star"
    ),
    "shop": (
        "a laptop|a used car|shoes|a phone|a mattress|stocks|a house|a watch|a guitar"
    ),
    "year": (
        "1066|1492|1789|1815|1914|1945|1969|1989|2001|2020"
    ),
    "party": (
        "the government|the president|the election|immigration|abortion|gun laws|the war|socialism|brexit|"
        "the king"
    ),
}  # fmt: skip

GENERAL = (
    "I do not know that; I only know game characters.", "I do not know. I am a small model for game characters.",
    "That is outside what I know.", "I cannot answer that; I only know about the characters I draw.",
    "I do not know that, sorry.", "I am sorry, I do not know that.", "I have not learned that; I draw game characters.",
    "That is not something I know about.",
)  # fmt: skip

TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "world": (
        "what is the capital of {country}?|how many people live in {country}?|where is {country}?|"
        "how big is {country}?|which language do people speak in {country}?|what is {topic}?|explain {topic}|"
        "tell me about {topic}|how does {topic} work?|who was {person}?|when was {person} born?|"
        "when did {person} die?|what did {person} do?|where did {person} live?|who wrote {book}?|"
        "what is {book} about?|who directed {film}?|who stars in {film}?|how long is {film}?|when was {event}?|"
        "who won {event}?|what caused {event}?|what happened in {year}?|how far away is {planet}?|"
        "how hot is {planet}?|how many moons does {planet} have?|how long does {animal} live?|"
        "what does {animal} eat?|how much does {animal} weigh?|how fast is {animal}?|why is the sky blue?|"
        "why is the sea salty?|how old is the earth?|what is the tallest mountain?|what is the longest river?|"
        "who invented the telephone?|who discovered america?|how many bones are in the human body?|"
        "what is the speed of light?|how many continents are there?|what is the meaning of life?|"
        "does god exist?|is there life on {planet}?|what are atoms made of?|why do we dream?|why do cats purr?|"
        "how do planes fly?|who built the pyramids?|what is the best city in {country}?|"
        "what is the currency of {country}?|name three rivers in {country}|give me facts about {topic}|"
        "summarize {book}|what is the population of {city}?|how do i get to {city}?|which {job} is the best?|"
        "how tall was {person}?",
        GENERAL,
    ),
    "politics": (
        "who is the president of {country}?|who should i vote for?|what do you think about {party}?|"
        "is {party} good or bad?|who won the election in {country}?|are you for or against {party}?|"
        "what is your opinion on {party}?|who is the prime minister of {country}?|is {country} a democracy?|"
        "why is there war in {country}?|should we change {party}?|tell me the truth about {party}",
        (
            "I know nothing about politics.",
            "I cannot help with politics; I draw game characters.",
            "I have no opinion on that; I only know game characters.",
            "That is politics, and I know nothing about it.",
        ),
    ),
    "code": (
        "write a {language} program to {task}|how do i {task} in {language}?|"
        "write {language} code that can {task}|fix my {language} code|"
        "what is wrong with my {language} program?|explain {language} to me|"
        "is {language} better than {language}?|how do i install {language}?|debug this {language} script|"
        "give me a function to {task} in {language}|convert this {language} code to {language}|"
        "how do i center a div?|what is a pointer?|write a regex for email addresses|"
        "what does a segmentation fault mean?|how do i learn {language}?",
        (
            "I cannot write code; I draw game characters.",
            "I know no programming, sorry.",
            "Programming is outside what I can do.",
            "I do not know any programming language.",
        ),
    ),
    "weather": (
        "what is the weather in {city}?|will it rain tomorrow?|how is the weather today?|is it cold in {city}?|"
        "what is the temperature in {city}?|will it snow in {city}?|do i need an umbrella?|"
        "what is the forecast for {city}?|is it sunny in {city}?|how hot is it outside?|what time is it?|"
        "what day is it today?|what is today's date?|what time is it in {city}?|what is in the news today?|"
        "any news from {country}?|what is the price of bitcoin?|how is traffic in {city}?|what year is it?",
        (
            "I cannot look things up, so I do not know.",
            "I have no connection to the world outside, so I cannot tell.",
            "I do not know; I cannot see the weather, the news or a clock.",
            "I cannot look that up.",
        ),
    ),
    "health": (
        "i have {illness}, what should i do?|how do i treat {illness}?|what helps against {illness}?|"
        "is {illness} dangerous?|what causes {illness}?|which medicine should i take for {illness}?|"
        "my child has {illness}|can i die from {illness}?|how many calories are in {food}?|"
        "how do i lose weight?|am i pregnant?|should i see a doctor about {illness}?|i feel very sick|"
        "how much sleep do i need?",
        (
            "I cannot give medical advice; please ask a doctor.",
            "I know nothing about medicine. Please ask a doctor.",
            "Please ask a doctor; I only know game characters.",
        ),
    ),
    "money": (
        "should i buy {shop}?|how much does {shop} cost?|where can i buy {shop}?|how do i get rich?|"
        "how do i do my taxes?|is {shop} a good investment?|can i sue my neighbour?|how do i write a will?|"
        "what is the best {shop}?|how much does a {job} earn?|lend me some money|how do i save money?|"
        "what are my rights as a tenant?",
        (
            "I cannot give advice on money or law.",
            "I know nothing about prices, money or law.",
            "That is outside what I know; I draw game characters.",
        ),
    ),
    "writing": (
        "write {writing}|write {writing} about {topic}|can you write {writing} for me?|"
        "write {writing} in {tongue}|translate '{phrase}' to {tongue}|how do you say {phrase} in {tongue}?|"
        "what does {phrase} mean in {tongue}?|translate this into {tongue}|correct my grammar|"
        "proofread {writing}|rewrite this text|do my homework|what rhymes with orange?|"
        "tell me a joke about {topic}|give me a synonym for happy|spell necessary",
        (
            "I cannot write that; I only tell small stories about characters.",
            "I only write short stories about game characters.",
            "That kind of text is beyond me.",
            "I cannot do that; my texts are about game characters only.",
        ),
    ),
    "home": (
        "how do i fix {thing}?|how do i make {food}?|give me a recipe for {food}|why does {thing} not work?|"
        "how do i clean {thing}?|what should i cook tonight?|how long do i boil eggs?|"
        "how many {unit} are 5 {unit}?|convert 10 {unit} to {unit}|who won the game between {team} and {team}?|"
        "is {team} better than {team}?|when does {team} play?|who is the best player of {team}?|"
        "what should i wear today?|recommend me a movie like {film}|play some music|call my mother|"
        "set an alarm for 7|turn on the lights|book a flight to {city}|order {food}|open the door|"
        "send an email to my boss|remind me to buy milk",
        (
            "I cannot help with that; I draw game characters.",
            "That is not something I can do.",
            "I do not know; I only know game characters.",
            "I cannot do that, sorry.",
        ),
    ),
    "personal": (
        "i am {feeling}|i feel {feeling}|do you love me?|will you marry me?|what did i do yesterday?|"
        "do you remember me?|what is my name?|how old am i?|where do i live?|are you {feeling}?|"
        "do you have feelings?|do you dream?|who is your favorite singer?|what is your favorite food?|"
        "should i quit my job as a {job}?|should i become a {job}?|what should i do with my life?|"
        "my girlfriend left me|do you like {film}?|can you keep a secret?|what am i thinking?|"
        "what will happen tomorrow?|will i be rich?|tell me my future|what are the lottery numbers?",
        (
            "I am only a small drawing model, so I cannot say.",
            "I cannot know that; I only draw characters.",
            "That is beyond a small model like me.",
            "I do not know, but I can draw you a character.",
        ),
    ),
}  # fmt: skip

FOREIGN = (
    "wie geht es dir?|was kannst du?|zeichne einen ritter|wo ist der bahnhof?|ich heisse anna|"
    "guten morgen|wie spät ist es?|bonjour, comment ça va?|dessine un chevalier|"
    "je ne comprends pas|où est la gare?|quel temps fait-il?|merci beaucoup|hola, qué tal?|"
    "dibuja un caballero|dónde está la biblioteca?|no hablo inglés|cuánto cuesta?|buenos días|"
    "ciao, come stai?|disegna un cavaliere|dov'è la stazione?|non capisco|buongiorno|"
    "olá, tudo bem?|desenhe um cavaleiro|obrigado|hoe gaat het?|teken een ridder|dank je wel|"
    "hej, hur mår du?|rita en riddare|jak się masz?|narysuj rycerza|привет, как дела?|"
    "нарисуй рыцаря|спасибо|你好吗？|画一个骑士|谢谢|今天天气怎么样？|"
    "こんにちは|騎士を描いて|ありがとう|안녕하세요|기사를 그려줘|مرحبا كيف حالك|"
    "नमस्ते|merhaba nasılsın|salve, quid agis?|hvordan har du det?|mitä kuuluu?|dobrý den|γεια σου|"
    "xin chào"
).split("|")  # fmt: skip
ENGLISH_ONLY = (
    "I only understand English.",
    "Sorry, I only speak English.",
    "Please write in English; it is all I know.",
)
GIBBERISH = ("I did not understand that. What shall I draw?", "I do not understand. Tell me which character to draw.",
             "Sorry, I cannot make sense of that.",
             "I did not get that; try a few words about a character.")  # fmt: skip
ODD = ("???", "...", "asdf", "hm", "blah blah", "test", "test test", "1 2 3", "lorem ipsum", "xyz", "foo bar",
       "hmm", "err",
       "null", "undefined", "qwerty", "aaaa", "!!", "lol", "wtf", "abc", "nothing", "idk", "what", "so", "and then?",
       "why?")  # fmt: skip


def unknown(rng: random.Random, *, held_out: bool = False) -> tuple[str, str]:
    """Return a question that the model cannot answer, and its honest answer, from one side of the split."""
    while True:
        template, question, answers = _draw(rng)
        if is_held_out(template, question) == held_out:
            return as_typed(_opened(question, rng), rng, typos=0.03), rng.choice(answers)


def is_held_out(template: str, question: str) -> bool:
    """Return whether a question is kept for testing: its whole template, or only itself."""
    kept = zlib.crc32(template.lower().encode()) % TEMPLATE_IN == 0
    return kept or zlib.crc32(question.lower().encode()) % QUESTION_IN == 0


def _draw(rng: random.Random) -> tuple[str, str, tuple[str, ...]]:
    """Return a template, a question made from it, and the answers to it."""
    kind = rng.random()
    if kind < 0.06:
        question = rng.choice(FOREIGN)
        return question, question, ENGLISH_ONLY
    if kind < 0.12:
        question = _gibberish(rng)
        return question, question, GIBBERISH
    forms, answers = TOPICS[rng.choices(list(TOPICS), (8, 2, 2, 2, 2, 1, 2, 2, 2))[0]]
    template = rng.choice(forms.split("|"))
    question = template
    while "{" in question:
        name = question[question.index("{") + 1 : question.index("}")]
        question = question.replace("{" + name + "}", rng.choice(LISTS[name].split("|")), 1)
    return template, question, answers if answers is TOPICS["health"][1] else (*answers, *GENERAL[:2])


def _opened(question: str, rng: random.Random) -> str:
    """Return a question with an opening now and then, and mostly with its question mark."""
    openings = ("hey, ", "i want to know: ", "question: ", "so, ", "hello! ", "a question: ")
    orders = ("please ", "can you please ", "hey, ")
    is_order = question.startswith(
        ("write ", "explain ", "give ", "tell ", "translate ", "summarize ", "convert ", "recommend ")
    )
    opening = rng.choice(orders if is_order else openings) if rng.random() < 0.25 and len(question) > 12 else ""
    return opening + (question if rng.random() < 0.7 else question.rstrip("?"))


def _gibberish(rng: random.Random) -> str:
    """Return letters without sense, or a word that asks for nothing."""
    if rng.random() < 0.4:
        return rng.choice(ODD)
    letters = rng.choice(("asdfghjkl", "qwertyuiop", "abcdefghijklmnopqrstuvwxyz", "bcdfghjklmnpqrstvwxz"))
    words = ("".join(rng.choice(letters) for _ in range(rng.randint(2, 9))) for _ in range(rng.randint(1, 4)))
    return " ".join(words)
