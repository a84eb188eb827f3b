import { type ReactNode, useEffect, useRef } from "react";
import { MOST_CHARACTERS } from "./conversation";

interface Props {
  label: string;
  value: string;
  onChange: (text: string) => void;
  onSend: (text: string) => void;
  onEscape?: () => void;
  isDisabled?: boolean;
  action?: string;
  /** More buttons. */
  children?: ReactNode;
}

/** A field for a message: Enter sends, Shift and Enter break the line. */
export function Composer({ label, value, onChange, onSend, onEscape, isDisabled, action = "Send", children }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const { current } = field;
    current?.focus();
    current?.setSelectionRange(current.value.length, current.value.length);
  }, []);
  const text = value.trim();
  const send = () => {
    if (text !== "" && !isDisabled) onSend(text);
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        rows={1}
        aria-label={label}
        placeholder={label}
        maxLength={MOST_CHARACTERS}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          // Enter also ends the writing of a word in scripts that are put together from keys.
          if (event.nativeEvent.isComposing) return;
          if (event.key === "Escape" && onEscape) {
            event.preventDefault();
            onEscape();
          }
          if (event.key !== "Enter" || event.shiftKey) return;
          event.preventDefault();
          send();
        }}
      />
      <div className="actions">
        {children}
        <button type="submit" className="solid" disabled={isDisabled || text === ""}>
          {action}
        </button>
      </div>
    </form>
  );
}
