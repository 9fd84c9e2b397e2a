const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A value for JSON: as text when it is UTF-8, else in base64, so that no byte is lost. */
export function valueFields(value: Uint8Array): { value: string } | { valueBase64: string } {
  try {
    return { value: utf8.decode(value) }
  } catch {
    return { valueBase64: Buffer.from(value).toString('base64') }
  }
}
