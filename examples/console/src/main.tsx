import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import "../../shared/base.css";
import "./console.css";

// What a page shows comes later than the browser would put it where it was.
history.scrollRestoration = "manual";

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
