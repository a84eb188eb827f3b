import { useTokenProblem } from "./server";

interface Props {
  error: Error | undefined;
  /** Whether nothing goes on by itself any more. */
  isOver?: boolean;
  onRetry?: () => void;
}

/** What went wrong, and a way on. */
export function Notice({ error, isOver, onRetry }: Props) {
  if (!error) return null;
  return (
    <div className="problem" role="alert">
      <p>{error.message}</p>
      {isOver && onRetry && (
        <button type="button" className="quiet" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Without a token nothing comes; the next one is asked for by itself, or now. */
export function TokenNotice({ onRetry }: { onRetry: () => void }) {
  return <Notice error={useTokenProblem()} isOver onRetry={onRetry} />;
}
