import { setTimeout } from "node:timers/promises";

/** How long the next word takes. */
const WORD_MS = 45;
const SENTENCE_MS = 160;

const texts: { about: RegExp; text: string }[] = [
  {
    about: /tide|ebb|flood|moon/i,
    text: `The tide is the sea following the moon, and a little the sun, around an earth that turns beneath them. On most coasts it rises twice a day and falls twice, and each high water comes some fifty minutes later than the one before the last.

When sun and moon pull along one line, at new and at full moon, the difference is greatest: these are spring tides. At the half moons they pull across each other, and the neap tides that follow are small.

The stream does not turn at the same moment as the height. In a long estuary the water may still run in for an hour after it has begun to fall, which is why pilots keep one table for depth and another for the current.`,
  },
  {
    about: /ferry|ferries|boat|crossing/i,
    text: `A ferry spends most of its life within sight of land, and most of its fuel in the last hundred metres. Between two jetties it needs no more than a steady heading; at each end it has to stop several hundred tonnes on a mark the width of a car.

So the double-ended ferry was built. It has a bow, a wheelhouse and a propeller at both ends, never turns round, and lands with the end that happens to arrive. Its crew changes sides instead, walking the length of the deck while the cars drive off.

Where the river is narrow and the current reliable, a ferry can do without an engine. Tied to a long cable upstream and set at a slant, it is pushed across by the water alone, and back again when the rudder is turned the other way. Some of these have crossed for a hundred years and have never burnt anything at all.`,
  },
  {
    about: /fog|mist|horn/i,
    text: `Fog is a cloud that touches the ground. At sea it forms where warm, damp air moves over colder water, and it may stay for days, because the wind that brought it keeps bringing more.

A ship that is under way in it sounds one long blast every two minutes; one that has stopped sounds two. What is heard tells that somebody is there, and hardly where: fog bends sound, and there are places, a mile from a horn, in which it cannot be heard at all.`,
  },
];

/** What it says of itself. */
const about = `I am not a language model. I look for a word that I know, and read out one of a few short texts at the pace of one that thinks. Ask me about the tide, about ferries or about fog.`;

/** What it will say. The same to the same question each time, so that an answer can go on where it was cut off. */
function composed(question: string): string {
  const found = texts.filter((text) => text.about.test(question)).map(({ text }) => text);
  if (found.length > 0) return found.join("\n\n");
  const quoted = question.replace(/\s+/g, " ").trim();
  return `You wrote: “${quoted.length > 200 ? `${quoted.slice(0, 199)}…` : quoted}”\n\n${about}`;
}

interface AnswerOptions {
  /** What has been said already: it goes on behind that. A real model is given it as the beginning of its answer. */
  behind: string;
  /** Ends it. */
  signal: AbortSignal;
}

/** The answer, word by word. */
export async function* answerTo(question: string, { behind, signal }: AnswerOptions): AsyncGenerator<string> {
  const words =
    composed(question)
      .slice(behind.length)
      .match(/\s*\S+/g) ?? [];
  for (const word of words) {
    try {
      await setTimeout(/[.:?!]$/.test(word) ? SENTENCE_MS : WORD_MS, undefined, { signal });
    } catch {
      return;
    }
    yield word;
  }
}
