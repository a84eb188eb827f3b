import type { CSSProperties, ReactNode } from "react";

const stations = { topic: "Topic", draft: "Draft", decision: "Decision", result: "Result" };
export type Stage = keyof typeof stations;

/** Where each station stands on the staff, 0 at its foot and 1 at its top. */
export const heights: Record<Stage, number> = { topic: 0.12, draft: 0.36, decision: 0.68, result: 1 };

interface Props {
  stage: Stage;
  /** How high the water stands; the stage's own height when left out. */
  level?: number;
  notes?: Partial<Record<Stage, string>>;
  children?: ReactNode;
}

/** The status rail: a tide gauge whose water rises as the run goes on. */
export function Gauge({ stage, level = heights[stage], notes = {}, children }: Props) {
  return (
    <header className="rail">
      <p className="brand">Tidegate</p>
      <div className="gauge" style={{ "--level": level } as CSSProperties}>
        <div className="water" />
        <div className="staff" />
        <ol aria-label="Progress of the run">
          {(Object.keys(stations) as Stage[]).map((key) => (
            <li
              key={key}
              aria-current={key === stage ? "step" : undefined}
              style={{ "--at": heights[key] } as CSSProperties}
            >
              <b>{stations[key]}</b> <span>{notes[key]}</span>
            </li>
          ))}
        </ol>
      </div>
      <div className="foot">{children}</div>
    </header>
  );
}
