import { type Metadata, metadataWith } from "./metadata.js";
import { streams } from "./streams.js";

/** The metadata of the run around the caller. */
export const metadata: Metadata = metadataWith(streams);
