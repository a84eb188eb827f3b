/** What has been said and need not be said again. */
const told = new Set<unknown>();

/**
 * Tells the developer of the page, once for each subject, if there is something to tell. Where a bundler builds for production,
 * nothing of it is left, nor of the call. It looks for these very words; where there was none, `process` may be missing.
 *
 * @param subject Default: the sentence itself.
 */
export function warnInDevelopment(sentenceOf: () => string | false | undefined, subject?: unknown): void {
  try {
    if (process.env.NODE_ENV !== "production") {
      const sentence = sentenceOf();
      if (!sentence || told.has(subject ?? sentence)) return;
      told.add(subject ?? sentence);
      console.warn(`Tidegate: ${sentence}`);
    }
  } catch {}
}

/** What the subject was about is over: if it comes again, it is news. */
export function clearWarning(subject: unknown): void {
  try {
    if (process.env.NODE_ENV !== "production") told.delete(subject);
  } catch {}
}
