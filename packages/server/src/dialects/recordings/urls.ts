/** Addresses in answers. */
export const recordingsPrefix = '/api/v1/recordings';

export interface UploadUrls {
  readonly chunk_upload_url: string;
  readonly complete_url: string;
  readonly status_url: string;
  readonly recovery_url: string;
}

export function uploadUrls(id: string): UploadUrls {
  const recording = `${recordingsPrefix}/${id}`;
  return {
    chunk_upload_url: `${recording}/chunk`,
    complete_url: `${recording}/complete`,
    status_url: `${recording}/upload-status`,
    recovery_url: `${recording}/recovery`,
  };
}

/** Where the verified content can be read. */
export function contentUrl(assetId: string): string {
  return `/v1/assets/${assetId}/content`;
}
