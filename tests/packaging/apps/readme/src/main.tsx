import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
// @ts-expect-error: it is the README's.
import App from "./App.tsx";

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
