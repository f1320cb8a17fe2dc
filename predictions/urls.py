"""The pages' addresses."""

from django.contrib.auth import views as auth
from django.urls import path

from .views import (
    about,
    accounts,
    batch_pages,
    batches,
    comparison,
    corrections,
    help,
    history,
    passwords,
    pictures,
    result,
    upload,
)

_PREDICTION = "predictions/<uuid:pk>/"
_BATCH = "batches/<uuid:pk>/"

urlpatterns = [
    path("", upload.upload, name="upload"),
    path("photos/", upload.send_photo, name="send_photo"),
    path("about/", about.about, name="about"),
    path("help/", help.help_page, name="help"),
    path("history/", history.history, name="history"),
    path("history/summary/", history.summary, name="summary"),
    path("history/delete/", history.delete_selected, name="delete_selected"),
    path("history/rerun/", history.rerun_selected, name="rerun_selected"),
    path("history/export/", history.export_selected, name="export_selected"),
    path("history/dismiss/", history.dismiss, name="dismiss"),
    path("history/delete-everything/", history.delete_everything, name="delete_everything"),
    path(_PREDICTION, result.prediction, name="prediction"),
    path(f"{_PREDICTION}card/", result.card, name="prediction_card"),
    path(f"{_PREDICTION}result.json", result.document, name="prediction_document"),
    path(f"{_PREDICTION}result.csv", result.table, name="prediction_table"),
    path(f"{_PREDICTION}photo.jpg", result.photo_image, name="photo_image"),
    path(f"{_PREDICTION}thumbnail.jpg", result.photo_thumbnail, name="photo_thumbnail"),
    path(f"{_PREDICTION}annotated.jpg", pictures.annotated, name="annotated_image"),
    path(f"{_PREDICTION}anonymised.jpg", pictures.anonymised, name="anonymised_image"),
    path(f"{_PREDICTION}faces/<int:index>.jpg", result.face_crop, name="face_crop"),
    path(f"{_PREDICTION}faces/<int:index>/correction/", corrections.correct, name="correct"),
    path(
        f"{_PREDICTION}faces/<int:index>/correction/take-back/",
        corrections.take_back,
        name="take_back",
    ),
    path(f"{_PREDICTION}compared-with/<uuid:other>/", comparison.comparison, name="comparison"),
    path(f"{_PREDICTION}rerun/", result.rerun, name="rerun"),
    path(f"{_PREDICTION}delete/", result.delete, name="delete"),
    path("batches/", batch_pages.batches, name="batches"),
    path(_BATCH, batch_pages.batch, name="batch"),
    path(f"{_BATCH}panel/", batch_pages.panel, name="batch_panel"),
    path(f"{_BATCH}progress.json", batches.progress, name="batch_progress"),
    path(f"{_BATCH}results.csv", batches.csv, name="batch_csv"),
    path(f"{_BATCH}results.xlsx", batches.xlsx, name="batch_xlsx"),
    path(f"{_BATCH}results.jsonl", batches.jsonl, name="batch_jsonl"),
    path(f"{_BATCH}pictures.zip", pictures.of_batch, name="batch_pictures"),
    path(f"{_BATCH}photos/", batches.send, name="batch_photos"),
    path(f"{_BATCH}archives/", batches.announce, name="batch_archives"),
    path(f"{_BATCH}archives/<uuid:archive>/", batches.archive, name="batch_archive"),
    path(f"{_BATCH}pause/", batches.steer, {"what": "pause"}, name="batch_pause"),
    path(f"{_BATCH}resume/", batches.steer, {"what": "resume"}, name="batch_resume"),
    path(f"{_BATCH}cancel/", batches.steer, {"what": "cancel"}, name="batch_cancel"),
    path(f"{_BATCH}retry/", batches.steer, {"what": "retry"}, name="batch_retry"),
    path(f"{_BATCH}rename/", batches.rename, name="batch_rename"),
    path(f"{_BATCH}delete/", batches.delete, name="batch_delete"),
    path("account/signup/", accounts.signup, name="signup"),
    path(
        "account/login/",
        auth.LoginView.as_view(
            template_name="accounts/login.html", redirect_authenticated_user=True
        ),
        name="login",
    ),
    path("account/logout/", auth.LogoutView.as_view(), name="logout"),
    path("account/", accounts.account, name="account"),
    path("account/e-mail/", accounts.mail_address, name="mail_address"),
    path("account/everything.zip", accounts.everything, name="everything"),
    path("account/password/", passwords.ChangePassword.as_view(), name="password"),
    path("account/password/forgotten/", passwords.Forgotten.as_view(), name="forgotten"),
    path("account/password/forgotten/sent/", passwords.link_sent, name="link_sent"),
    path(
        "account/password/new/<uidb64>/<token>/",
        passwords.NewPassword.as_view(),
        name="new_password",
    ),
    path("account/keys/", accounts.api_keys, name="api_keys"),
    path("account/keys/<slug:token_key>/revoke/", accounts.revoke_key, name="revoke_key"),
    path("account/delete/", accounts.delete_account, name="delete_account"),
]
