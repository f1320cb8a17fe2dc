"""Accounts: sign up, what belongs to one, API keys, its end."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from knox.models import AuthToken

from predictions.access import owner_of
from predictions.account_forms import MailAddressForm, SignupForm
from predictions.api_keys import make_key
from predictions.deletion import erase, what_goes
from predictions.forms import DeleteAccountForm, NewKeyForm
from predictions.takeout import takeout_response

_MOST_KEYS = 20


class _RequestOfAccount(HttpRequest):
    """What views get that ask to log in."""

    user: User


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def signup(request: HttpRequest) -> HttpResponse:
    """Make an account; what the browser sent before comes along (see `access.adopt`)."""
    if request.user.is_authenticated:
        return redirect("upload")
    form = SignupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = form.save()
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        messages.success(request, _("Welcome, %(name)s.") % {"name": user.get_username()})
        return redirect("upload")
    context = {"form": form, "mail_is_sent": settings.MAIL_IS_SENT}
    return render(request, "accounts/signup.html", context)


@never_cache
@login_required
@require_safe
def account(request: _RequestOfAccount) -> HttpResponse:
    """What belongs to the account, and what can be done with it."""
    context = {"has": what_goes(owner_of(request)), "mail_is_sent": settings.MAIL_IS_SENT}
    return render(request, "accounts/account.html", context)


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def mail_address(request: _RequestOfAccount) -> HttpResponse:
    """Change the account's e-mail address, or have none."""
    form = MailAddressForm(request.user, request.POST or None)
    if form.is_valid():
        form.save()
        messages.success(request, _("Your e-mail address was changed."))
        return redirect("account")
    return render(request, "accounts/mail_address.html", {"form": form})


@require_safe
def everything(request: HttpRequest) -> StreamingHttpResponse:
    """All that the visitor has here, as one zip, sent while it is made."""
    return takeout_response(owner_of(request), request)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def api_keys(request: _RequestOfAccount) -> HttpResponse:
    """The account's API keys; a new one is shown once, in the answer to its making."""
    new_key, form = None, NewKeyForm(request.POST or None)
    keys = AuthToken.objects.filter(user=request.user).select_related("details")
    if form.is_valid():
        if keys.count() >= _MOST_KEYS:
            messages.error(request, _("You have many keys already. Please revoke one first."))
        else:
            new_key = make_key(request.user, **form.cleaned_data)
            form = NewKeyForm()
    context = {
        "form": form,
        "keys": keys.order_by("-created"),
        "new_key": new_key,
        "now": timezone.now(),
        "site": request.build_absolute_uri("/"),
    }
    return render(request, "accounts/api_keys.html", context)


@login_required
@require_POST
def revoke_key(request: HttpRequest, token_key: str) -> HttpResponse:
    """Delete one of the account's keys."""
    AuthToken.objects.filter(user=request.user, token_key=token_key).delete()
    messages.success(request, _("The key was revoked."))
    return redirect("api_keys")


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_account(request: _RequestOfAccount) -> HttpResponse:
    """Ask, for the password too, then delete the account with every photo and key."""
    owner, form = owner_of(request), DeleteAccountForm(request.user, request.POST or None)
    if not form.is_valid():
        days = settings.LOGIN_RECORD_LIFETIME.days
        context = {"form": form, "goes": what_goes(owner), "login_days": days}
        return render(request, "accounts/delete_account.html", context)
    logout(request)
    if erase([owner], close_accounts=True):
        words = _(
            "Your account is closed. Your photos are being deleted; with this many, it takes a few "
            "minutes."
        )
        messages.info(request, words)
    else:
        messages.success(request, _("Your account and all your photos were deleted."))
    return redirect("upload")
