/** Unpredictable bytes, handed in by the driver (CSPRNG) or by a simulation (seeded). */
export type Entropy = (byteCount: number) => Uint8Array
