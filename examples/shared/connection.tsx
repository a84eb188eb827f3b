const words = {
  idle: () => "Not connected",
  connecting: () => "Connecting…",
  live: () => "Live",
  reconnecting: (attempt: number) => `Reconnecting, attempt ${attempt}`,
  paused: () => "Paused",
  ended: () => "Finished",
  failed: () => "Stopped",
};

interface Props {
  stream: { status: keyof typeof words; attempt: number };
}

export function Connection({ stream: { status, attempt } }: Props) {
  return (
    <p className="connection" data-status={status} role="status">
      {words[status](attempt)}
    </p>
  );
}
