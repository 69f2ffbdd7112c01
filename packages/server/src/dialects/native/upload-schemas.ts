/** What the routes of uploads share in their schemas. */
import { Type } from 'typebox';

export const Id = Type.Object({ id: Type.String({ maxLength: 64 }) });
export const uploadAnswer = { 200: Type.Ref('Upload'), '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') };
export const uploadTags = ['uploads'];
