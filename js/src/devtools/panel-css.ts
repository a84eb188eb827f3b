/** Colours follow the page's scheme; nothing is fetched, and nothing of it reaches what is not the panel's. */
export const css = `
.tidegate-panel {
  position: fixed; inset: auto 0 0 auto; z-index: 2147483000; box-sizing: border-box; max-width: min(60rem, 100vw);
  max-height: 70vh; overflow: auto; padding: 4px; border: 1px solid GrayText; border-radius: 6px 0 0 0;
  color-scheme: light dark; background: Canvas; color: CanvasText; font: 12px/1.4 ui-monospace, monospace;
  text-align: start;
}
.tidegate-panel button {
  padding: 3px 8px; border: 1px solid GrayText; border-radius: 4px; background: ButtonFace; color: ButtonText; font: inherit;
  cursor: pointer;
}
.tidegate-panel button:focus-visible, .tidegate-panel textarea:focus-visible, .tidegate-panel [tabindex]:focus-visible {
  outline: 2px solid Highlight; outline-offset: 1px;
}
.tidegate-panel table { width: 100%; margin: 8px 0 0; border-collapse: collapse; }
.tidegate-panel caption { padding: 2px 0; font-weight: bold; text-align: start; }
.tidegate-panel th, .tidegate-panel td {
  padding: 1px 8px 1px 0; border-top: 1px solid GrayText; font-weight: normal; text-align: start; vertical-align: top;
}
.tidegate-panel td { overflow-wrap: anywhere; }
.tidegate-panel textarea { box-sizing: border-box; width: 100%; height: 10rem; font: inherit; }
.tidegate-panel p { margin: 8px 0 0; }
`;
