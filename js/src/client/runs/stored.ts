/** The data of a packet of this type are the path of an object that holds the packet itself. */
export const STORED = "application/store";
